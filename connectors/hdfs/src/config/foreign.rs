//! Options of the original that name what this sink does not have: Kerberos and Hive.

use connect_api::config::{Config, Problems, Props};

/// Options about Kerberos and Hive.
#[derive(Config, Debug)]
#[config(check)]
pub struct ForeignKeys {
    /// Signing in by Kerberos, which is not supported: only `false` is accepted.
    #[config(group = "Security", key = "hdfs.authentication.kerberos", importance = High, default = false)]
    pub kerberos: bool,
    /// Principal of Kerberos, without meaning here.
    #[config(group = "Security", key = "connect.hdfs.principal", importance = High, default = "")]
    pub principal: String,
    /// File with the keys of Kerberos, without meaning here.
    #[config(group = "Security", key = "connect.hdfs.keytab", importance = High, default = "")]
    pub keytab: String,
    /// Principal of the name node, without meaning here.
    #[config(group = "Security", key = "hdfs.namenode.principal", importance = High, default = "")]
    pub namenode_principal: String,
    /// Time after which a ticket of Kerberos is renewed, without meaning here.
    #[config(group = "Security", key = "kerberos.ticket.renew.period.ms", importance = Low, default = 3_600_000)]
    pub renewal_ms: i64,
    /// Tables of Hive over the files, which are not supported: only `false` is accepted.
    #[config(group = "Hive", key = "hive.integration", importance = High, default = false)]
    pub hive: bool,
    /// Address of Hive's metastore, without meaning here.
    #[config(group = "Hive", key = "hive.metastore.uris", importance = High, default = "")]
    pub metastore: String,
    /// Folder with Hive's configuration, without meaning here.
    #[config(group = "Hive", key = "hive.conf.dir", importance = High, default = "")]
    pub hive_conf_dir: String,
    /// Folder of Hive, without meaning here.
    #[config(group = "Hive", key = "hive.home", importance = High, default = "")]
    pub hive_home: String,
    /// Database of Hive, without meaning here.
    #[config(group = "Hive", key = "hive.database", importance = High, default = "default")]
    pub hive_database: String,
    /// Name of Hive's tables, without meaning here.
    #[config(group = "Hive", key = "hive.table.name", importance = High, default = "${topic}")]
    pub hive_table: String,
}

/// Keys that are accepted and mean nothing here.
const WITHOUT_MEANING: [&str; 16] = [
    "connect.hdfs.principal",
    "connect.hdfs.keytab",
    "hdfs.namenode.principal",
    "kerberos.ticket.renew.period.ms",
    "hive.metastore.uris",
    "hive.conf.dir",
    "hive.home",
    "hive.database",
    "hive.table.name",
    "hadoop.home",
    "file.delim",
    "max.write.duration.ms",
    "rotate.file.on.partition.change",
    "s3.compression.type",
    "tombstone.encoded.partition",
    "schema.generator.class",
];

impl ForeignKeys {
    fn check(&self, problems: &mut Problems) {
        if self.kerberos {
            let reason = "Kerberos is not supported; use hdfs.delegation.token, or hdfs.user where \
                          the cluster trusts names";
            problems.add("hdfs.authentication.kerberos", true, reason);
        }
        if self.hive {
            let reason =
                "Hive integration is not supported; make an external table over topics.dir";
            problems.add("hive.integration", true, reason);
        }
    }
}

/// Names the keys of a configuration that are accepted and mean nothing, each once.
pub(crate) fn without_meaning(props: &Props) -> Vec<&'static str> {
    let is_set = |key: &&&str| props.get(key).is_some_and(|value| !value.trim().is_empty());
    WITHOUT_MEANING.iter().filter(is_set).copied().collect()
}

/// Transformations after which a record has the topic that it had before.
const KEEP_TOPICS: [&str; 14] = [
    "Cast",
    "DropHeaders",
    "ExtractField",
    "Filter",
    "Flatten",
    "HeaderFrom",
    "HoistField",
    "InsertField",
    "InsertHeader",
    "MaskField",
    "ReplaceField",
    "SetSchemaMetadata",
    "TimestampConverter",
    "ValueToKey",
];

/// Whether transformations of a configuration may give records another topic. Those that are not known to
/// keep it may.
pub(crate) fn moves_topics(props: &Props) -> bool {
    let names = props.get("transforms").unwrap_or_default().split(',').map(str::trim);
    let keeps = |name: &str| {
        let class = props.get(&format!("transforms.{name}.type")).unwrap_or_default();
        let class = class.rsplit('.').next().unwrap_or_default();
        KEEP_TOPICS.contains(&class.split('$').next().unwrap_or_default())
    };
    names.filter(|name| !name.is_empty()).any(|name| !keeps(name))
}
