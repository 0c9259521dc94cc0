//! Who we are and whom we trust, from Java's words to librdkafka's.
//!
//! Java names a login module with its options in one text and keys in stores of its own kind;
//! librdkafka wants a name, a password and PEM or PKCS#12 files. What cannot be carried over is
//! refused with the way out, never ignored: a connection that is less safe than its owner believes
//! is worse than none.

use connect_api::config::Props;

use super::Sink;

type Outcome = Result<(), String>;

/// Translates everything about TLS and SASL.
pub(super) fn translate(props: &Props, sink: &mut Sink) -> Outcome {
    if let Some(protocol) = value(props, "security.protocol") {
        sink.set("security.protocol", protocol.to_lowercase());
    }
    if let Some(mechanism) = value(props, "sasl.mechanism") {
        sasl_mechanism(mechanism, sink)?;
    }
    if let Some(login) = value(props, "sasl.jaas.config") {
        login_module(login, sink)?;
    }
    if props.contains_key("ssl.endpoint.identification.algorithm") {
        let algorithm = value(props, "ssl.endpoint.identification.algorithm").unwrap_or("none");
        sink.set("ssl.endpoint.identification.algorithm", algorithm.to_lowercase());
    }
    truststore(props, sink)?;
    keystore(props, sink)
}

fn value<'a>(props: &'a Props, key: &str) -> Option<&'a str> {
    props.get(key).map(str::trim).filter(|value| !value.is_empty())
}

fn sasl_mechanism(mechanism: &str, sink: &mut Sink) -> Outcome {
    if mechanism.eq_ignore_ascii_case("GSSAPI") {
        return Err(
            "Setting \"sasl.mechanism\" is GSSAPI, which this build cannot do: use PLAIN, \
                    SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
                .to_owned(),
        );
    }
    sink.set("sasl.mechanism", mechanism.to_owned());
    Ok(())
}

fn login_module(text: &str, sink: &mut Sink) -> Outcome {
    let Some(login) = Login::parse(text) else {
        return Err("Setting \"sasl.jaas.config\" is not of the form: \
                    module required name=\"value\" … ;"
            .to_owned());
    };
    let module = login.module.rsplit('.').next().unwrap_or_default();
    match module {
        "PlainLoginModule" | "ScramLoginModule" => {
            for (option, key) in [("username", "sasl.username"), ("password", "sasl.password")] {
                let Some(value) = login.option(option) else {
                    return Err(format!("Setting \"sasl.jaas.config\" lacks {option}"));
                };
                sink.set(key, value.to_owned());
            }
            Ok(())
        }
        "OAuthBearerLoginModule" => match login.option("unsecuredLoginStringClaim_sub") {
            Some(subject) => {
                sink.set("enable.sasl.oauthbearer.unsecure.jwt", "true");
                sink.set("sasl.oauthbearer.config", format!("principal={subject}"));
                Ok(())
            }
            None => Err("Setting \"sasl.jaas.config\" asks for OAUTHBEARER with a token service, \
                         which this build cannot reach: use SCRAM-SHA-512 or PLAIN over TLS"
                .to_owned()),
        },
        _ => Err(format!(
            "Setting \"sasl.jaas.config\" names the login module {module}, which does not exist \
             here: use PlainLoginModule or ScramLoginModule"
        )),
    }
}

/// A login module with its options, as a JAAS entry spells them.
#[derive(Debug, PartialEq, Eq)]
struct Login {
    module: String,
    options: Vec<(String, String)>,
}

impl Login {
    /// Parses `module flag name="value" name=value;`.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches(';').trim_end();
        let (module, rest) = text.split_once(char::is_whitespace)?;
        let mut rest = rest.trim_start();
        if let Some((_flag, after)) =
            rest.split_once(char::is_whitespace).filter(|(flag, _)| !flag.contains('='))
        {
            rest = after.trim_start();
        } else if !rest.contains('=') {
            rest = "";
        }
        let mut options = Vec::new();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=')?;
            let (value, after) = option_value(after.trim_start())?;
            options.push((name.trim().to_owned(), value));
            rest = after.trim_start();
        }
        Some(Self { module: module.to_owned(), options })
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A quoted value, with backslashes before what is meant literally, or a bare word.
fn option_value(text: &str) -> Option<(String, &str)> {
    let Some(quote) = text.chars().next().filter(|&first| first == '"' || first == '\'') else {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        return Some((word.to_owned(), rest));
    };
    let mut value = String::new();
    let mut rest = text.chars();
    rest.next();
    while let Some(character) = rest.next() {
        match character {
            '\\' => value.push(rest.next()?),
            end if end == quote => return Some((value, rest.as_str())),
            other => value.push(other),
        }
    }
    None
}

fn truststore(props: &Props, sink: &mut Sink) -> Outcome {
    if let Some(pem) = value(props, "ssl.truststore.certificates") {
        sink.set("ssl.ca.pem", unescaped(pem));
    }
    let Some(location) = value(props, "ssl.truststore.location") else { return Ok(()) };
    match Store::of(props, "ssl.truststore.type", location) {
        Store::Pem => {
            sink.set("ssl.ca.location", location.to_owned());
            Ok(())
        }
        Store::Java | Store::Pkcs12 => Err(format!(
            "Setting \"ssl.truststore.location\" is \"{location}\", a store of Java: give the \
             certificates as PEM (keytool -exportcert -rfc) with ssl.truststore.type=PEM"
        )),
    }
}

fn keystore(props: &Props, sink: &mut Sink) -> Outcome {
    if let Some(password) = props.get("ssl.key.password") {
        sink.set("ssl.key.password", password.to_owned());
    }
    if let Some(pem) = value(props, "ssl.keystore.key") {
        sink.set("ssl.key.pem", unescaped(pem));
    }
    if let Some(pem) = value(props, "ssl.keystore.certificate.chain") {
        sink.set("ssl.certificate.pem", unescaped(pem));
    }
    let Some(location) = value(props, "ssl.keystore.location") else { return Ok(()) };
    match Store::of(props, "ssl.keystore.type", location) {
        Store::Pem => {
            sink.set("ssl.key.location", location.to_owned());
            sink.set("ssl.certificate.location", location.to_owned());
        }
        Store::Pkcs12 => {
            sink.set("ssl.keystore.location", location.to_owned());
            if let Some(password) = props.get("ssl.keystore.password") {
                sink.set("ssl.keystore.password", password.to_owned());
            }
        }
        Store::Java => {
            return Err(format!(
                "Setting \"ssl.keystore.location\" is \"{location}\", a JKS store of Java: \
                 convert it (keytool -importkeystore -deststoretype PKCS12) and set \
                 ssl.keystore.type=PKCS12, or give PEM with ssl.keystore.type=PEM"
            ));
        }
    }
    Ok(())
}

/// PEM from a properties file, where a line break may be written as two characters.
fn unescaped(pem: &str) -> String {
    pem.replace("\\n", "\n")
}

/// How keys and certificates are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    Pem,
    Pkcs12,
    Java,
}

impl Store {
    /// What the type says, or else the file's name; Java's own default is its own store.
    fn of(props: &Props, type_key: &str, location: &str) -> Self {
        let named = value(props, type_key)
            .map(str::to_lowercase)
            .or_else(|| location.rsplit_once('.').map(|(_, extension)| extension.to_lowercase()));
        match named.as_deref() {
            Some("pem" | "crt" | "cer" | "key") => Self::Pem,
            Some("pkcs12" | "p12" | "pfx") => Self::Pkcs12,
            _ => Self::Java,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(entries: &[(&str, &str)]) -> Result<Sink, String> {
        let props = Props::from_iter(entries.iter().copied());
        let mut sink = Sink::default();
        translate(&props, &mut sink).map(|()| sink)
    }

    #[test]
    fn a_login_module_becomes_name_and_password() {
        let sink = translated(&[
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            (
                "sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required\n \
                 username=\"bob\" password=\"it\\\"s = a; secret\";",
            ),
        ])
        .unwrap();
        assert_eq!(sink.get("security.protocol"), Some("sasl_ssl"));
        assert_eq!(sink.get("sasl.username"), Some("bob"));
        assert_eq!(sink.get("sasl.password"), Some("it\"s = a; secret"));
    }

    #[test]
    fn a_login_module_without_a_password_is_refused_without_quoting_it() {
        let error =
            translated(&[("sasl.jaas.config", "x.PlainLoginModule required username=\"eve\";")]);
        assert_eq!(error.unwrap_err(), "Setting \"sasl.jaas.config\" lacks password");
    }

    #[test]
    fn unquoted_options_and_an_unfinished_quote_are_told_apart() {
        let login = Login::parse("m required a=b c='d e';").unwrap();
        assert_eq!((login.option("a"), login.option("c")), (Some("b"), Some("d e")));
        assert_eq!(Login::parse("m required a=\"b"), None);
    }

    #[test]
    fn pem_stores_are_taken_and_java_stores_are_refused_with_the_way_out() {
        let sink = translated(&[
            ("ssl.truststore.location", "/etc/ca.pem"),
            ("ssl.keystore.location", "/etc/client"),
            ("ssl.keystore.type", "PEM"),
        ])
        .unwrap();
        assert_eq!(sink.get("ssl.ca.location"), Some("/etc/ca.pem"));
        assert_eq!(sink.get("ssl.key.location"), Some("/etc/client"));
        assert_eq!(sink.get("ssl.certificate.location"), Some("/etc/client"));
        let error = translated(&[("ssl.truststore.location", "/etc/trust.jks")]).unwrap_err();
        assert!(error.contains("ssl.truststore.type=PEM"), "{error}");
    }

    #[test]
    fn an_empty_endpoint_algorithm_turns_the_check_off_as_in_java() {
        let sink = translated(&[("ssl.endpoint.identification.algorithm", "")]).unwrap();
        assert_eq!(sink.get("ssl.endpoint.identification.algorithm"), Some("none"));
    }
}
