//! The built-in schemas.
//!
//! Source: confluentinc/kafka-connect-datagen `Quickstart.java`: names, fields, types, ranges.

/// A built-in schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quickstart {
    /// Its name.
    pub(crate) name: &'static str,
    /// The field that is the key.
    pub(crate) key: &'static str,
    /// Its text.
    pub(crate) schema: &'static str,
}

macro_rules! quickstarts {
    ($($name:literal $key:literal),+ $(,)?) => {
        [$(Quickstart {
            name: $name,
            key: $key,
            schema: include_str!(concat!("quickstarts/", $name, ".avsc")),
        }),+]
    };
}

/// All of them.
pub(crate) static QUICKSTARTS: [Quickstart; 38] = quickstarts![
    "clickstream_codes" "code",
    "clickstream" "ip",
    "clickstream_users" "user_id",
    "orders" "orderid",
    "ratings" "rating_id",
    "users" "userid",
    "users_" "userid",
    "pageviews" "viewtime",
    "stock_trades" "symbol",
    "inventory" "id",
    "product" "id",
    "purchases" "id",
    "transactions" "transaction_id",
    "stores" "store_id",
    "credit_cards" "card_id",
    "campaign_finance" "candidate_id",
    "fleet_mgmt_description" "vehicle_id",
    "fleet_mgmt_location" "vehicle_id",
    "fleet_mgmt_sensors" "vehicle_id",
    "pizza_orders" "store_id",
    "pizza_orders_completed" "store_id",
    "pizza_orders_cancelled" "store_id",
    "insurance_offers" "offer_id",
    "insurance_customers" "customer_id",
    "insurance_customer_activity" "activity_id",
    "gaming_games" "id",
    "gaming_players" "player_id",
    "gaming_player_activity" "player_id",
    "payroll_employee" "employee_id",
    "payroll_employee_location" "employee_id",
    "payroll_bonus" "employee_id",
    "syslog_logs" "host",
    "device_information" "device_ip",
    "siem_logs" "hostname",
    "shoes" "id",
    "shoe_customers" "id",
    "shoe_orders" "order_id",
    "shoe_clickstream" "product_id",
];

impl Quickstart {
    /// The one with this name, in any case.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        QUICKSTARTS.iter().find(|known| known.name.eq_ignore_ascii_case(name))
    }
}
