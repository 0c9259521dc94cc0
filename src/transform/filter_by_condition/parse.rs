//! Reads conditions.

use connect_api::{
    config::{Check, sentence},
    value::Value,
};
use regex::{Regex, RegexBuilder};

/// Deepest nesting of parentheses and filters.
const DEEPEST: usize = 32;

/// The way to values.
#[derive(Debug)]
pub(super) struct Path {
    /// Whether it starts at the record rather than at what a filter looks at.
    pub(super) is_from_root: bool,
    pub(super) steps: Vec<Step>,
}

/// One step of a path.
#[derive(Debug)]
pub(super) enum Step {
    /// A member of a map or struct.
    Member(String),
    /// An element of a list, from its end when negative.
    Index(i64),
    /// All members or elements.
    Any,
    /// The elements of a list that meet a test, or an object that does.
    Filter(Test),
}

/// A test of a filter.
#[derive(Debug)]
pub(super) enum Test {
    Or(Vec<Test>),
    And(Vec<Test>),
    Not(Box<Test>),
    Exists(Path),
    Compares(Operand, Operator, Operand),
    Matches(Operand, Regex),
    In(Operand, Vec<Value>),
}

/// What is compared.
#[derive(Debug)]
pub(super) enum Operand {
    Path(Path),
    Literal(Value),
}

/// How it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
}

/// Operators by their signs, longer ones first.
const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Path {
    /// Reads a condition.
    ///
    /// # Errors
    /// The message of the option when it cannot be read.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text, depth: 0 };
        let path = reader.path().and_then(|path| {
            reader.skip_blanks();
            match reader.rest {
                "" => Ok(path),
                rest => Err(format!("unexpected {rest}")),
            }
        });
        path.map_err(|reason| {
            let at = text.len() - reader.rest.len();
            format!(
                "Invalid value {text} for configuration filter.condition: at character {at}: {reason}"
            )
        })
    }

    /// Demands a condition that can be read.
    pub(super) fn check() -> Check {
        sentence(|text| text.map_or(Ok(()), |text| Self::parse(text).map(drop)))
    }

    /// Whether every step is a name or a place, so that it ends at one value.
    fn is_single(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Member(_) | Step::Index(_)))
    }
}

/// What is left to read.
struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, prefix: &str) -> bool {
        self.skip_blanks();
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, prefix: &str) -> Result<(), String> {
        if self.take(prefix) { Ok(()) } else { Err(format!("{prefix} is expected")) }
    }

    /// As many characters as are of a kind.
    fn take_while(&mut self, is_wanted: impl Fn(char) -> bool) -> String {
        let rest = self.rest.trim_start_matches(is_wanted);
        let length = self.rest.len() - rest.len();
        let taken = self.rest.get(..length).unwrap_or_default().to_owned();
        self.rest = rest;
        taken
    }

    fn path(&mut self) -> Result<Path, String> {
        let is_from_root = match (self.take("$"), self.take("@")) {
            (false, false) => return Err("a path starts with $ or @".to_owned()),
            (is_from_root, _) => is_from_root,
        };
        let mut steps = Vec::new();
        loop {
            if self.rest.starts_with(".*") || self.rest.starts_with("[*]") {
                let length = if self.rest.starts_with('.') { 2 } else { 3 };
                self.rest = self.rest.get(length..).unwrap_or_default();
                steps.push(Step::Any);
            } else if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                let name = self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
                if name.is_empty() {
                    return Err("a name is expected".to_owned());
                }
                steps.push(Step::Member(name));
            } else if self.rest.starts_with('[') {
                steps.push(self.bracket()?);
            } else {
                return Ok(Path { is_from_root, steps });
            }
        }
    }

    /// `['name']`, `[1]` or `[?(test)]`.
    fn bracket(&mut self) -> Result<Step, String> {
        self.expect("[")?;
        let step = if self.take("?") {
            self.expect("(")?;
            let test = self.or()?;
            self.expect(")")?;
            Step::Filter(test)
        } else if let Some(name) = self.quoted()? {
            Step::Member(name)
        } else {
            let digits = self.take_while(|c| c == '-' || c.is_ascii_digit());
            Step::Index(digits.parse().map_err(|_| "a name or a number is expected".to_owned())?)
        };
        self.expect("]")?;
        Ok(step)
    }

    fn or(&mut self) -> Result<Test, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the condition is nested too deeply".to_owned());
        }
        let mut tests = vec![self.and()?];
        while self.take("||") {
            tests.push(self.and()?);
        }
        self.depth -= 1;
        Ok(Test::Or(tests))
    }

    fn and(&mut self) -> Result<Test, String> {
        let mut tests = vec![self.single()?];
        while self.take("&&") {
            tests.push(self.single()?);
        }
        Ok(Test::And(tests))
    }

    fn single(&mut self) -> Result<Test, String> {
        if self.take("!") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err("the condition is nested too deeply".to_owned());
            }
            let test = self.single()?;
            self.depth -= 1;
            return Ok(Test::Not(Box::new(test)));
        }
        if self.take("(") {
            let test = self.or()?;
            self.expect(")")?;
            return Ok(test);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Test, String> {
        let left = self.operand()?;
        if self.take("=~") {
            let regex = self.regex()?;
            return Ok(Test::Matches(single(left)?, regex));
        }
        if self.take("in") {
            return Ok(Test::In(single(left)?, self.list()?));
        }
        let operator = OPERATORS.into_iter().find(|(sign, _)| self.take(sign));
        match (operator, left) {
            (Some((_, operator)), left) => {
                let right = self.operand()?;
                Ok(Test::Compares(single(left)?, operator, single(right)?))
            }
            (None, Operand::Path(path)) => Ok(Test::Exists(path)),
            (None, Operand::Literal(_)) => Err("a comparison is expected".to_owned()),
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        self.skip_blanks();
        if self.rest.starts_with(['$', '@']) {
            return self.path().map(Operand::Path);
        }
        self.literal().map(Operand::Literal)
    }

    fn literal(&mut self) -> Result<Value, String> {
        self.skip_blanks();
        if let Some(text) = self.quoted()? {
            return Ok(Value::string(text));
        }
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
        match word.as_str() {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            "null" => Ok(Value::Null),
            number if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                let whole = number.parse().map(Value::Int64);
                whole
                    .or_else(|_| number.parse().map(Value::Float64))
                    .map_err(|_| format!("{number} is no number"))
            }
            _ => Err("a path, a text in quotes or a number is expected".to_owned()),
        }
    }

    /// A text in quotes of either kind; a backslash takes the next character as it is.
    fn quoted(&mut self) -> Result<Option<String>, String> {
        self.skip_blanks();
        let Some(quote) = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
            return Ok(None);
        };
        self.delimited(quote, false).map(Some)
    }

    /// Text up to a delimiter. Of a regular expression backslashes are kept, but for those before
    /// the delimiter.
    fn delimited(&mut self, delimiter: char, is_regex: bool) -> Result<String, String> {
        let mut text = String::new();
        let mut chars = self.rest.chars();
        chars.next();
        while let Some(c) = chars.next() {
            match c {
                '\\' => {
                    let next = chars.next().unwrap_or('\\');
                    if is_regex && next != delimiter {
                        text.push('\\');
                    }
                    text.push(next);
                }
                c if c == delimiter => {
                    self.rest = chars.as_str();
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err(format!("{delimiter} is expected at the end of the text"))
    }

    /// `/pattern/`, or `/pattern/i` for any case. The whole text must match, as in Java.
    fn regex(&mut self) -> Result<Regex, String> {
        self.skip_blanks();
        if !self.rest.starts_with('/') {
            return Err("a regular expression between slashes is expected".to_owned());
        }
        let pattern = self.delimited('/', true)?;
        let is_any_case = self.rest.starts_with('i');
        self.rest = self.rest.strip_prefix('i').unwrap_or(self.rest);
        RegexBuilder::new(&format!("^(?:{pattern})$"))
            .case_insensitive(is_any_case)
            .build()
            .map_err(|error| format!("Invalid regex: {error}"))
    }

    fn list(&mut self) -> Result<Vec<Value>, String> {
        self.expect("[")?;
        let mut items = Vec::new();
        while !self.take("]") {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(self.literal()?);
        }
        Ok(items)
    }
}

/// An operand that is one value.
fn single(operand: Operand) -> Result<Operand, String> {
    match &operand {
        Operand::Path(path) if !path.is_single() => {
            Err("a comparison needs a path to one value".to_owned())
        }
        _ => Ok(operand),
    }
}
