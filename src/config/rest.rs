//! Properties of the REST server. Source: apache/kafka `RestServerConfig.java`.

use connect_api::{
    choice,
    config::{Config, Problems},
};

use super::{ConfigError, Listener, Result, Scheme};

const EXAMPLE: &str = "ex: http://localhost:8080,https://localhost:8443.";

choice! {
    /// Kind of listener that other workers are told of.
    pub enum AdvertisedListener {
        /// The first one that speaks plain HTTP.
        Http = "http",
        /// The first one that speaks HTTPS.
        Https = "https",
    }
}

/// Where `/admin` is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminListeners {
    /// On the ordinary listeners.
    Shared,
    /// Nowhere.
    Off,
    /// On these, and nothing else there.
    Own(Vec<Listener>),
}

/// Properties of the REST server.
#[derive(Config, Clone, Debug)]
#[config(check)]
pub struct RestConfig {
    /// Addresses of the REST server, `http://host:port` or `https://host:port`; an empty host
    /// listens everywhere.
    #[config(default = "http://:8083", importance = Low)]
    listeners: Vec<String>,
    /// Addresses of `/admin`, which is then served there alone; empty serves it nowhere. The
    /// ordinary listeners serve it when this is not set.
    #[config(importance = Low)]
    admin_listeners: Option<Vec<String>>,
    /// Host name that other workers and `worker_id` use for this one.
    #[config(importance = Low)]
    pub rest_advertised_host_name: Option<String>,
    /// Port that other workers and `worker_id` use for this one.
    #[config(importance = Low)]
    pub rest_advertised_port: Option<u16>,
    /// Kind of listener, http or https, that other workers and `worker_id` use.
    #[config(importance = Low)]
    rest_advertised_listener: Option<AdvertisedListener>,
    /// Web pages of which origin may use the REST API: one or several separated by commas, in
    /// which `*` stands for anything; empty for those of the API's own origin only.
    #[config(default = "", importance = Low)]
    access_control_allow_origin: String,
    /// Methods that web pages of other origins may use, separated by commas; empty for GET, POST
    /// and HEAD.
    #[config(default = "", importance = Low)]
    access_control_allow_methods: String,
    /// Headers that answers are given: rules `[action] [name]:[value]` separated by commas, in
    /// double quotes where they hold a comma; the action is set, add, setDate or addDate.
    #[config(default = "", importance = Low)]
    pub response_http_headers_config: String,
    /// Classes that extend the REST server. There are none that could run here.
    #[config(default = "", importance = Low)]
    rest_extension_classes: Vec<String>,
}

/// Who may use the REST API from a web page of another origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossOrigin {
    /// Origins, in which `*` stands for anything.
    pub origins: Vec<String>,
    /// Methods.
    pub methods: Vec<String>,
}

impl RestConfig {
    /// Addresses of the REST server.
    ///
    /// # Errors
    /// In Kafka Connect's words, when there is none or one is not a URL.
    pub fn listeners(&self) -> Result<Vec<Listener>> {
        if self.listeners.is_empty() {
            return Err(ConfigError::Listener(format!(
                "Invalid value for listeners, at least one URL is expected, {EXAMPLE}"
            )));
        }
        parse(&self.listeners, "listeners")
    }

    /// Where `/admin` is served.
    ///
    /// # Errors
    /// In Kafka Connect's words, when one of the addresses is not a URL.
    pub fn admin_listeners(&self) -> Result<AdminListeners> {
        match self.admin_listeners.as_deref() {
            None => Ok(AdminListeners::Shared),
            Some([]) => Ok(AdminListeners::Off),
            Some(own) => parse(own, "admin.listeners").map(AdminListeners::Own),
        }
    }

    /// Scheme of the listener that others are told of; none takes the first that speaks plain
    /// HTTP, or else the first.
    #[must_use]
    pub fn advertised_scheme(&self) -> Option<Scheme> {
        self.rest_advertised_listener.map(|kind| match kind {
            AdvertisedListener::Http => Scheme::Http,
            AdvertisedListener::Https => Scheme::Https,
        })
    }

    /// Who may use the REST API from a web page of another origin; nobody when none is named.
    #[must_use]
    pub fn cross_origin(&self) -> Option<CrossOrigin> {
        let origins = items(&self.access_control_allow_origin);
        if origins.is_empty() {
            return None;
        }
        let mut methods = items(&self.access_control_allow_methods);
        if methods.is_empty() {
            methods = ["GET", "POST", "HEAD"].map(str::to_owned).into();
        }
        Some(CrossOrigin { origins, methods })
    }

    fn check(&self, problems: &mut Problems) {
        // What it was to protect must not be served without it.
        if let Some(class) = self.rest_extension_classes.first() {
            problems.add(
                "rest.extension.classes",
                class,
                "it is a Java class, which cannot run here: remove it, and put a proxy in front \
                 of the worker if it was to keep strangers out",
            );
        }
    }
}

fn items(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn parse(listeners: &[String], key: &str) -> Result<Vec<Listener>> {
    let parse = |text: &String| {
        if text.is_empty() {
            let message = format!("Empty URL found when parsing {key} list.");
            return Err(ConfigError::Listener(message));
        }
        Listener::parse(text)
    };
    listeners.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use connect_api::config::Props;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> RestConfig {
        RestConfig::parse(&pairs.iter().copied().collect::<Props>()).unwrap()
    }

    #[test]
    fn admin_listeners_are_shared_off_or_of_their_own() {
        assert_eq!(read(&[]).admin_listeners().unwrap(), AdminListeners::Shared);
        let off = read(&[("admin.listeners", "")]);
        assert_eq!(off.admin_listeners().unwrap(), AdminListeners::Off);
        let own = read(&[("admin.listeners", "http://:9000")]).admin_listeners().unwrap();
        assert_eq!(own, AdminListeners::Own(vec![Listener::parse("http://:9000").unwrap()]));
        let broken = read(&[("admin.listeners", "http://:9000,,")]).admin_listeners();
        let message = "Empty URL found when parsing admin.listeners list.";
        assert_eq!(broken.unwrap_err().to_string(), message);
    }

    #[test]
    fn nobody_else_may_unless_an_origin_is_named() {
        assert_eq!(read(&[]).cross_origin(), None);
        assert_eq!(read(&[("access.control.allow.methods", "PUT")]).cross_origin(), None);
        let cross = read(&[("access.control.allow.origin", "http://a, http://b")]).cross_origin();
        let cross = cross.unwrap();
        assert_eq!(cross.origins, ["http://a", "http://b"]);
        assert_eq!(cross.methods, ["GET", "POST", "HEAD"]);
    }

    #[test]
    fn an_extension_is_refused_rather_than_left_out() {
        let class =
            "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension";
        let props = Props::from_iter([("rest.extension.classes", class)]);
        let error = RestConfig::parse(&props).unwrap_err().to_string();
        assert!(error.contains("rest.extension.classes") && error.contains("proxy"), "{error}");
    }
}
