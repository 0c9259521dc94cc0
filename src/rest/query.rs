//! Query parameters as JAX-RS reads them.

/// The parameters of a request, in their order.
#[derive(Debug)]
pub(super) struct Query {
    parameters: Vec<(String, String)>,
}

impl Query {
    pub(super) fn parse(query: Option<String>) -> Self {
        let query = query.unwrap_or_default();
        let parameters = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Self { parameters: parameters.collect() }
    }

    /// Every value of a parameter.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let of_key = self.parameters.iter().filter(move |(known, _)| known == key);
        of_key.map(|(_, value)| value.as_str())
    }

    /// Every parameter with its value.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Only `true` in any case is true; the first value counts.
    pub(super) fn is_true(&self, key: &str, default: bool) -> bool {
        self.all(key).next().map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let code = hexadecimal(*high).zip(hexadecimal(*low));
                bytes.push(code.map_or(b'%', |(high, low)| high * 16 + low));
                rest = if code.is_some() { after } else { rest };
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_repeat_and_are_decoded() {
        let query = Query::parse(Some("expand=a%20b&expand=%&x=True&y=yes".to_owned()));
        assert_eq!(query.all("expand").collect::<Vec<_>>(), ["a b", "%"]);
        assert!(query.is_true("x", false) && !query.is_true("y", true) && query.is_true("z", true));
    }
}
