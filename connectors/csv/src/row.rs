//! How a line is split into fields, to the letter of the original's parser.
//!
//! Source: opencsv `CSVParser.java` and `RFC4180Parser.java`. The crate `csv` was rejected: it does
//! not tell a field in quotes from one without, drops blank lines, and keeps backslashes.

use std::{iter::Peekable, mem, str::Chars};

use crate::config::{DialectConfig, NullIndicator};

/// Characters at the start of a line among which a quote in a field has no meaning of its own.
const LINE_START: usize = 3;

/// The fields of a row; none for those that are null.
pub(crate) type Fields = Vec<Option<String>>;

/// Splits lines into fields; a row may have several lines.
#[derive(Debug)]
pub(crate) struct RowParser {
    separator: char,
    quote: char,
    escape: char,
    flavour: Flavour,
    nulls: NullIndicator,
    ignores_leading_blanks: bool,
    fields: Fields,
    /// Bytes of these fields.
    ended_bytes: usize,
    /// The beginning of a field whose quote did not end in its line.
    pending: Option<String>,
}

/// Which rules a parser goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    Usual,
    /// Only what is in quotes counts.
    Strict,
    /// Quotes have no meaning.
    Plain,
    Rfc4180,
}

impl RowParser {
    /// A parser of these options.
    pub(crate) fn new(config: &DialectConfig) -> Self {
        let flavour = if config.is_by_letter() {
            Flavour::Rfc4180
        } else if config.ignores_quotes {
            Flavour::Plain
        } else if config.is_strict {
            Flavour::Strict
        } else {
            Flavour::Usual
        };
        Self {
            separator: config.separator.0,
            quote: config.quote.0,
            escape: config.escape.0,
            flavour,
            nulls: config.nulls,
            ignores_leading_blanks: config.ignores_leading_blanks,
            fields: Fields::new(),
            ended_bytes: 0,
            pending: None,
        }
    }

    /// Takes a line; the row, when it ends with it.
    pub(crate) fn line(&mut self, line: &str) -> Option<Fields> {
        let mut scan = Scan {
            rest: line.chars().peekable(),
            taken: 0,
            last: None,
            before: None,
            is_continued: self.pending.is_some(),
            out: self.pending.take().unwrap_or_default(),
            is_in_field: false,
            is_from_quotes: false,
        };
        let is_open = match self.flavour {
            Flavour::Rfc4180 => self.split_by_letter(&mut scan),
            _ => self.split(&mut scan),
        };
        if is_open {
            scan.out.push('\n');
            self.pending = Some(scan.out);
            return None;
        }
        self.push(&mut scan);
        self.ended_bytes = 0;
        Some(mem::take(&mut self.fields))
    }

    /// Bytes of a row that has not ended.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.ended_bytes + self.pending.as_ref().map_or(0, String::len)
    }

    /// Forgets a row that has not ended; whether there was one.
    pub(crate) fn forget(&mut self) -> bool {
        self.fields.clear();
        self.ended_bytes = 0;
        self.pending.take().is_some()
    }

    /// Splits a line; `true` when it ends within quotes.
    fn split(&mut self, scan: &mut Scan<'_>) -> bool {
        let (is_plain, is_strict) =
            (self.flavour == Flavour::Plain, self.flavour == Flavour::Strict);
        let mut is_in_quotes = scan.is_continued && !is_plain;
        while let Some(c) = scan.next() {
            let is_quoted = is_in_quotes && !is_plain;
            if c == self.escape {
                scan.is_in_field |= !is_strict;
                self.escaped(scan, is_quoted);
            } else if c == self.quote {
                if (is_quoted || scan.is_in_field) && scan.rest.peek() == Some(&self.quote) {
                    scan.take_next();
                } else {
                    is_in_quotes = !is_in_quotes;
                    scan.is_from_quotes |= scan.out.is_empty();
                    self.quote_within(scan);
                }
                scan.is_in_field = !scan.is_in_field;
            } else if c == self.separator && !is_quoted {
                self.push(scan);
            } else if !is_strict || is_quoted {
                scan.out.push(c);
                scan.is_in_field = true;
                scan.is_from_quotes = true;
            }
        }
        is_in_quotes && !is_plain
    }

    /// Takes the character after an escape, where it has a meaning of its own.
    fn escaped(&self, scan: &mut Scan<'_>, is_quoted: bool) {
        let next = scan.rest.peek().copied();
        let is_escapable = next.is_some_and(|next| {
            next == self.quote || next == self.escape || next == self.separator
        });
        if (is_quoted || scan.is_in_field) && is_escapable {
            scan.take_next();
        }
    }

    /// A quote in the middle of a field stands for itself: `a,bc"d"ef,g`.
    fn quote_within(&self, scan: &mut Scan<'_>) {
        let is_within = self.flavour != Flavour::Strict
            && scan.taken > LINE_START
            && scan.before != Some(self.separator)
            && scan.rest.peek().is_some_and(|next| *next != self.separator);
        if !is_within {
            return;
        }
        let is_blank = || !scan.out.is_empty() && scan.out.chars().all(char::is_whitespace);
        if self.ignores_leading_blanks && is_blank() {
            scan.out.clear();
        } else {
            scan.out.push(self.quote);
        }
    }

    /// Splits a line by RFC 4180; `true` when it ends within quotes.
    fn split_by_letter(&mut self, scan: &mut Scan<'_>) -> bool {
        let mut is_in_quotes = scan.is_continued;
        scan.is_from_quotes = scan.is_continued;
        let mut is_at_start = !scan.is_continued;
        while let Some(c) = scan.next() {
            let is_doubled = c == self.quote && scan.rest.peek() == Some(&self.quote);
            if c == self.quote && is_at_start {
                (is_in_quotes, is_at_start) = (true, false);
                scan.is_from_quotes = true;
            } else if is_doubled {
                scan.take_next();
            } else if c == self.quote && is_in_quotes {
                is_in_quotes = false;
            } else if c == self.separator && !is_in_quotes {
                self.push(scan);
                is_at_start = true;
            } else {
                scan.out.push(c);
                is_at_start = false;
            }
        }
        is_in_quotes
    }

    /// Ends a field.
    fn push(&mut self, scan: &mut Scan<'_>) {
        let field = mem::take(&mut scan.out);
        self.ended_bytes += field.len();
        let is_null = field.is_empty()
            && match self.nulls {
                NullIndicator::Neither => false,
                NullIndicator::EmptySeparators => !scan.is_from_quotes,
                NullIndicator::EmptyQuotes => scan.is_from_quotes,
                NullIndicator::Both => true,
            };
        self.fields.push((!is_null).then_some(field));
        scan.is_from_quotes = false;
        scan.is_in_field = false;
    }
}

/// A line on its way through the parser.
#[expect(clippy::struct_excessive_bools, reason = "each is a state of the original's parser")]
struct Scan<'a> {
    rest: Peekable<Chars<'a>>,
    /// Characters that were taken.
    taken: usize,
    /// The character that was taken last.
    last: Option<char>,
    /// The one before it.
    before: Option<char>,
    /// Whether the line began in the middle of a field.
    is_continued: bool,
    /// The field so far.
    out: String,
    is_in_field: bool,
    is_from_quotes: bool,
}

impl Scan<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        self.taken += 1;
        self.before = self.last.replace(next);
        Some(next)
    }

    /// Takes the next character as it is.
    fn take_next(&mut self) {
        if let Some(next) = self.next() {
            self.out.push(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use connect_api::config::{Config as _, Props};
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    fn parser(options: &[(&str, &str)]) -> RowParser {
        let props = Props::from_iter(options.iter().map(|(key, text)| (*key, *text)));
        RowParser::new(&DialectConfig::parse(&props).unwrap())
    }

    /// The rows of a text, fields in brackets.
    fn rows(options: &[(&str, &str)], text: &str) -> Vec<String> {
        let mut parser = parser(options);
        let rows = text.split('\n').filter_map(|line| parser.line(line));
        let shown = rows.map(|row| {
            let fields = row.iter().map(|field| match field {
                Some(text) => format!("[{text}]"),
                None => "null".to_owned(),
            });
            fields.collect()
        });
        shown.collect()
    }

    #[test]
    fn the_usual_rules_are_those_of_the_original() {
        for (line, expected) in [
            ("a,b,c", "[a][b][c]"),
            ("", "[]"),
            (",", "[][]"),
            (r#""a,b",c"#, "[a,b][c]"),
            (r#""say ""hi""",x"#, r#"[say "hi"][x]"#),
            (r#""say \"hi\"",x"#, r#"[say "hi"][x]"#),
            (r"a\,b,c", "[a,b][c]"),
            (r"C:\temp,x", "[C:temp][x]"),
            (r#"a,bc"d"ef,g"#, r#"[a][bc"d"ef][g]"#),
            (r#"abcd,  "x",y"#, "[abcd][x][y]"),
            ("é;漢,x", "[é;漢][x]"),
        ] {
            assert_eq!(rows(&[], line), [expected], "{line}");
        }
    }

    #[test]
    fn a_field_in_quotes_may_have_several_lines() {
        assert_eq!(
            rows(&[], "a,\"one\ntwo\n\nthree\",b\nnext,x"),
            ["[a][one\ntwo\n\nthree][b]", "[next][x]"]
        );
        let mut parser = parser(&[]);
        assert_eq!(parser.line("a,\"b"), None);
        assert_eq!(parser.pending_bytes(), "ab\n".len());
        assert!(parser.line("c\"").is_some());
        assert_eq!(parser.pending_bytes(), 0);
        assert_eq!(parser.line("a,\"b"), None);
        assert!(parser.forget());
        assert!(!parser.forget());
        assert_eq!(parser.pending_bytes(), 0);
        assert_eq!(parser.line("c").unwrap().len(), 1);
    }

    #[test]
    fn empty_fields_are_null_as_the_indicator_says() {
        let line = r#"a,,"",b"#;
        for (indicator, expected) in [
            ("NEITHER", "[a][][][b]"),
            ("EMPTY_SEPARATORS", "[a]null[][b]"),
            ("EMPTY_QUOTES", "[a][]null[b]"),
            ("BOTH", "[a]nullnull[b]"),
        ] {
            for by_letter in ["true", "false"] {
                let options = [
                    ("csv.null.field.indicator", indicator),
                    ("csv.rfc.4180.parser.enabled", by_letter),
                ];
                assert_eq!(rows(&options, line), [expected], "{indicator} {by_letter}");
            }
        }
    }

    #[test]
    fn every_switch_changes_what_it_names() {
        for (options, line, expected) in [
            (&[("csv.separator.char", "59")][..], "a;b,c", "[a][b,c]"),
            (&[("csv.separator.char", "9")], "a\tb", "[a][b]"),
            (&[("csv.quote.char", "39")], "'a,b',c", "[a,b][c]"),
            (&[("csv.escape.char", "0")], r"C:\temp,x", r"[C:\temp][x]"),
            (&[("csv.strict.quotes", "true")], r#"x "a" y,"b""#, "[a][b]"),
            (&[("csv.rfc.4180.parser.enabled", "true")], r#""C:\t","a""b""#, r#"[C:\t][a"b]"#),
            (&[("csv.rfc.4180.parser.enabled", "true")], r#"a"b"c,d"#, r#"[a"b"c][d]"#),
        ] {
            assert_eq!(rows(options, line), [expected], "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_another_library_writes_reads_back(
            rows in proptest::collection::vec(
                proptest::collection::vec("[a-c,\"\n é\\\\]{0,6}", 2..5), 1..6)
        ) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let mut parser = parser(&[("csv.rfc.4180.parser.enabled", "true")]);
            let read: Vec<Vec<_>> = text
                .split('\n')
                .take(text.matches('\n').count())
                .filter_map(|line| parser.line(line))
                .map(|row| row.into_iter().map(Option::unwrap).collect())
                .collect();
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "(?s)[a,\"\\\\'; \n\r\u{0}é]{0,40}") {
            for options in [
                &[][..],
                &[("csv.strict.quotes", "true")],
                &[("csv.ignore.quotations", "true")],
                &[("csv.rfc.4180.parser.enabled", "true")],
            ] {
                rows(options, &text);
            }
        }
    }
}
