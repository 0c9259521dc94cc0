//! Names of sheets: what Excel allows, and each but once.

use std::collections::HashSet;

/// Characters, as UTF-16 counts them, that a name can have.
const LONGEST: usize = 31;
/// A name that Excel keeps for itself.
const RESERVED: &str = "history";

/// Gives names to sheets.
#[derive(Debug, Default)]
pub(crate) struct SheetNames {
    taken: HashSet<String>,
}

impl SheetNames {
    /// A name for the sheet of a topic that no other sheet has.
    pub(crate) fn name(&mut self, topic: &str) -> String {
        let plain = legal(topic);
        let mut name = plain.clone();
        let mut number = 2;
        // Excel does not tell cases apart.
        while !self.taken.insert(name.to_lowercase()) {
            let end = format!(" ({number})");
            name = format!("{}{end}", shortened(&plain, LONGEST - end.len()));
            number += 1;
        }
        name
    }
}

fn legal(topic: &str) -> String {
    let is_bad = |c: char| "[]:*?/\\".contains(c) || c.is_control();
    let name: String = topic.chars().map(|c| if is_bad(c) { '_' } else { c }).collect();
    let name = shortened(&name, LONGEST);
    let name = name.trim_matches(|c: char| c == '\'' || c.is_whitespace());
    match name {
        "" => "Sheet".to_owned(),
        name if name.eq_ignore_ascii_case(RESERVED) => format!("{name}_"),
        name => name.to_owned(),
    }
}

fn shortened(name: &str, longest: usize) -> String {
    let mut length = 0;
    let fits = |c: &char| {
        length += c.len_utf16();
        length <= longest
    };
    name.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;

    #[test]
    fn names_are_legal_and_differ() {
        let mut names = SheetNames::default();
        for (topic, name) in [
            ("orders", "orders"),
            ("Orders", "Orders (2)"),
            ("a/b:c[d]", "a_b_c_d_"),
            ("'quoted'", "quoted"),
            (" 'quoted within blanks' ", "quoted within blanks"),
            ("history", "history_"),
            ("", "Sheet"),
            ("a-topic-with-a-very-long-name-indeed", "a-topic-with-a-very-long-name-i"),
            ("a-topic-with-a-very-long-name-instead", "a-topic-with-a-very-long-na (2)"),
        ] {
            assert_eq!(names.name(topic), name);
        }
    }

    proptest! {
        #[test]
        fn every_name_is_taken_by_the_library(
            topics in proptest::collection::vec(".{0,40}", 1..8)
        ) {
            let mut names = SheetNames::default();
            let mut workbook = rust_xlsxwriter::Workbook::new();
            for topic in topics {
                let name = names.name(&topic);
                prop_assert!(workbook.add_worksheet().set_name(&name).is_ok(), "{name:?}");
            }
            prop_assert!(workbook.save_to_buffer().is_ok());
        }
    }
}
