//! Paths with wildcards and dates in them.

use std::path::PathBuf;

use connect_api::config::{ConfigKind, ConfigType};
use regex::bytes::Regex;

use super::period::{DatePart, DateParts};

/// A path in which `*`, `?`, `[…]` and `**` stand for names and `%Y`, `%m`, … for a date.
#[derive(Clone, Debug)]
pub(super) struct PathPattern {
    /// Whether the path starts at the root.
    pub(super) is_absolute: bool,
    /// What the names between the slashes must be; never empty.
    pub(super) steps: Vec<Step>,
}

/// One name of a path.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Exactly this name.
    Name(String),
    /// Names that match.
    Match(NameMatch),
    /// Any number of directories, also none.
    AnyDepth,
}

/// A name with wildcards or parts of a date.
#[derive(Clone, Debug)]
pub(super) struct NameMatch {
    regex: Regex,
    /// What the capture groups are, in their order.
    parts: Vec<DatePart>,
}

impl NameMatch {
    /// The date so far with what this name says; none when the name does not match.
    pub(super) fn read(&self, name: &[u8], mut date: DateParts) -> Option<DateParts> {
        let captures = self.regex.captures(name)?;
        for (part, group) in self.parts.iter().zip(captures.iter().skip(1)) {
            let digits = std::str::from_utf8(group?.as_bytes()).ok()?;
            if !date.set(*part, digits.parse().ok()?) {
                return None;
            }
        }
        Some(date)
    }
}

impl PathPattern {
    /// The directory below which all of its files are.
    pub(super) fn root(&self) -> PathBuf {
        let mut root = PathBuf::from(if self.is_absolute { "/" } else { "." });
        let directories =
            self.steps.split_last().map_or(&[][..], |(_file, directories)| directories);
        for step in directories {
            let Step::Name(name) = step else { break };
            root.push(name);
        }
        root
    }
}

impl ConfigType for PathPattern {
    const KIND: ConfigKind = ConfigKind::String;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.ends_with('/') {
            return Err("A path must name a file".to_owned());
        }
        let mut date = DateParts::default();
        let mut steps = Vec::new();
        for name in text.split('/').filter(|name| !name.is_empty() && *name != ".") {
            steps.push(Step::parse(name, &mut date)?);
        }
        match steps.last() {
            Some(Step::AnyDepth) | None => return Err("A path must name a file".to_owned()),
            _ => {}
        }
        match date.gap() {
            Some(gap) => Err(gap.to_owned()),
            None => Ok(Self { is_absolute: text.starts_with('/'), steps }),
        }
    }
}

impl Step {
    /// Reads one name; `date` collects which parts of a date the path has.
    fn parse(name: &str, date: &mut DateParts) -> Result<Self, String> {
        if name == "**" {
            return Ok(Self::AnyDepth);
        }
        if !name.contains(['%', '*', '?', '[']) {
            return Ok(Self::Name(name.to_owned()));
        }
        let mut writer = RegexWriter { regex: "(?s-u)^".to_owned(), parts: Vec::new() };
        let mut letters = name.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '*' => writer.regex.push_str(".*"),
                '?' => writer.regex.push('.'),
                '[' => writer.class(&mut letters)?,
                '%' => writer.date(letters.next())?,
                other => writer.literal(other),
            }
        }
        writer.regex.push('$');
        for part in &writer.parts {
            date.set(*part, 1);
        }
        let regex = Regex::new(&writer.regex).map_err(|_| format!("{name:?} is no pattern"))?;
        Ok(Self::Match(NameMatch { regex, parts: writer.parts }))
    }
}

struct RegexWriter {
    regex: String,
    parts: Vec<DatePart>,
}

impl RegexWriter {
    fn literal(&mut self, letter: char) {
        let mut buffer = [0; 4];
        let letter = letter.encode_utf8(&mut buffer);
        if letter.is_ascii() {
            self.regex.push_str(&regex::escape(letter));
        } else {
            let bytes = letter.bytes().map(|byte| format!("\\x{byte:02X}"));
            self.regex.extend(bytes);
        }
    }

    fn class(&mut self, letters: &mut std::str::Chars<'_>) -> Result<(), String> {
        let Some((inside, rest)) = letters.as_str().split_once(']') else {
            return Err("A \"[\" needs its \"]\"".to_owned());
        };
        *letters = rest.chars();
        let (open, inside) = match inside.strip_prefix('!') {
            Some(inside) => ("[^", inside),
            None => ("[", inside),
        };
        self.regex.push_str(open);
        for letter in inside.chars() {
            match letter {
                '-' => self.regex.push('-'),
                other => self.literal(other),
            }
        }
        self.regex.push(']');
        Ok(())
    }

    fn date(&mut self, letter: Option<char>) -> Result<(), String> {
        match letter {
            Some('%') => self.literal('%'),
            Some('F') => {
                self.date(Some('Y'))?;
                self.literal('-');
                self.date(Some('m'))?;
                self.literal('-');
                self.date(Some('d'))?;
            }
            letter => {
                let part = letter.and_then(DatePart::of_letter).ok_or_else(|| {
                    let found = letter.map(String::from).unwrap_or_default();
                    format!("\"%{found}\" is not one of %Y, %y, %m, %d, %j, %H, %M, %S, %F and %%")
                })?;
                self.regex.push_str(&format!("([0-9]{{{}}})", part.digits()));
                self.parts.push(part);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        let pattern = PathPattern::parse(pattern).unwrap();
        match pattern.steps.last().unwrap() {
            Step::Name(own) => own == name,
            Step::Match(step) => step.read(name.as_bytes(), DateParts::default()).is_some(),
            Step::AnyDepth => false,
        }
    }

    #[test]
    fn wildcards_and_dates_match_whole_names() {
        for (pattern, name, expected) in [
            ("logs/%Y%m%d.log", "20261121.log", true),
            ("logs/%Y%m%d.log", "20261121.log.gz", false),
            ("logs/%Y%m%d.log", "20261121xlog", false),
            ("app-%F*.log*", "app-2026-11-21-b.log.1", true),
            ("app.log", "app.log", true),
            ("a?p.[0-9]", "app.7", true),
            ("a?p.[!0-9]", "app.7", false),
            ("100%%-%Y", "100%-2026", true),
            ("ä*", "äpfel", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_date_is_read_from_all_names_of_the_path() {
        let pattern = PathPattern::parse("/var/log/%Y/%m/%Y%m%d.log").unwrap();
        let read = |names: [&str; 3]| {
            let steps = pattern.steps.iter().filter_map(|step| match step {
                Step::Match(step) => Some(step),
                _ => None,
            });
            let date = steps.zip(names).try_fold(DateParts::default(), |date, (step, name)| {
                step.read(name.as_bytes(), date)
            });
            date.and_then(|date| date.period(Tz::UTC))
        };
        assert_eq!(read(["2026", "11", "20261121.log"]).unwrap().start_ms, 1_795_219_200_000);
        assert_eq!(read(["2025", "11", "20261121.log"]), None);
    }

    #[test]
    fn what_cannot_be_a_date_or_a_file_is_refused() {
        for (text, reason) in [
            ("", "A path must name a file"),
            ("logs/", "A path must name a file"),
            ("logs/**", "A path must name a file"),
            ("logs/%m-%d.log", "A date needs its year, %Y"),
            ("logs/[a.log", "A \"[\" needs its \"]\""),
            ("logs/%Q", "\"%Q\" is not one of %Y, %y, %m, %d, %j, %H, %M, %S, %F and %%"),
        ] {
            assert_eq!(PathPattern::parse(text).unwrap_err(), reason, "{text}");
        }
    }
}
