//! Messages as the text that the original registers.
//!
//! Source: confluentinc/schema-registry `ProtobufSchemaUtils.toString`.

/// A file with one message.
#[derive(Debug, Default)]
pub(super) struct FileText {
    pub(super) package: Option<String>,
    pub(super) imports: Vec<&'static str>,
    pub(super) message: MessageText,
}

/// A message with those in it.
#[derive(Debug, Default)]
pub(super) struct MessageText {
    pub(super) name: String,
    pub(super) fields: Vec<FieldText>,
    pub(super) oneofs: Vec<(String, Vec<FieldText>)>,
    pub(super) messages: Vec<MessageText>,
    pub(super) enums: Vec<EnumText>,
}

/// A field.
#[derive(Debug, Default)]
pub(super) struct FieldText {
    pub(super) label: Option<&'static str>,
    pub(super) type_name: String,
    pub(super) name: String,
    pub(super) tag: u32,
    /// What it says for Connect.
    pub(super) parameters: Vec<(&'static str, String)>,
}

impl FieldText {
    /// A field whose type is not known yet.
    pub(super) fn new(name: String, tag: u32) -> Self {
        Self { name, tag, ..Self::default() }
    }
}

/// An enum.
#[derive(Debug)]
pub(super) struct EnumText {
    pub(super) name: String,
    pub(super) symbols: Vec<(String, i32)>,
}

/// The text of a file.
pub(super) fn print(file: &FileText) -> String {
    let mut text = String::from("syntax = \"proto3\";\n");
    if let Some(package) = &file.package {
        text.push_str(&format!("package {package};\n"));
    }
    if !file.imports.is_empty() {
        text.push('\n');
        for import in &file.imports {
            text.push_str(&format!("import \"{import}\";\n"));
        }
    }
    text.push('\n');
    print_message(&mut text, 0, &file.message);
    text
}

fn line(text: &mut String, depth: usize, line: &str) {
    text.push_str(&"  ".repeat(depth));
    text.push_str(line);
    text.push('\n');
}

fn print_message(text: &mut String, depth: usize, message: &MessageText) {
    let MessageText { name, fields, oneofs, messages, enums } = message;
    let is_empty =
        fields.is_empty() && oneofs.is_empty() && messages.is_empty() && enums.is_empty();
    if is_empty {
        return line(text, depth, &format!("message {name} {{}}"));
    }
    line(text, depth, &format!("message {name} {{"));
    for field in fields {
        print_field(text, depth + 1, field);
    }
    // A blank line would come before the oneofs and the messages when something stands above.
    let mut has_before = !fields.is_empty();
    if !oneofs.is_empty() {
        separate(text, depth, has_before);
        has_before = true;
        for (name, fields) in oneofs {
            line(text, depth + 1, &format!("oneof {name} {{"));
            for field in fields {
                print_field(text, depth + 2, field);
            }
            line(text, depth + 1, "}");
        }
    }
    if !messages.is_empty() || !enums.is_empty() {
        separate(text, depth, has_before);
        for message in messages {
            print_message(text, depth + 1, message);
        }
        for symbols in enums {
            print_enum(text, depth + 1, symbols);
        }
    }
    line(text, depth, "}");
}

/// A blank line, which the original indents too.
fn separate(text: &mut String, depth: usize, has_before: bool) {
    if has_before {
        line(text, depth, "");
    }
}

fn print_enum(text: &mut String, depth: usize, symbols: &EnumText) {
    if symbols.symbols.is_empty() {
        return line(text, depth, &format!("enum {} {{}}", symbols.name));
    }
    line(text, depth, &format!("enum {} {{", symbols.name));
    for (symbol, number) in &symbols.symbols {
        line(text, depth + 1, &format!("{symbol} = {number};"));
    }
    line(text, depth, "}");
}

fn print_field(text: &mut String, depth: usize, field: &FieldText) {
    let label = field.label.map_or_else(String::new, |label| format!("{label} "));
    let head = format!("{label}{} {} = {}", field.type_name, field.name, field.tag);
    if field.parameters.is_empty() {
        return line(text, depth, &format!("{head};"));
    }
    line(text, depth, &format!("{head} [(confluent.field_meta) = {{"));
    line(text, depth + 1, "params: [");
    for (place, (name, value)) in field.parameters.iter().enumerate() {
        let key = format!("key: \"{name}\"");
        let value = format!("value: \"{}\"", escaped(value));
        // The original keeps an old order for decimals.
        let is_decimal = matches!(*name, super::names::PRECISION | super::names::SCALE);
        let (first, second) = if is_decimal { (value, key) } else { (key, value) };
        line(text, depth + 2, "{");
        line(text, depth + 3, &format!("{first},"));
        line(text, depth + 3, &second);
        let is_last = place + 1 == field.parameters.len();
        line(text, depth + 2, if is_last { "}" } else { "}," });
    }
    line(text, depth + 1, "]");
    line(text, depth, "}];");
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\u{7}' => escaped.push_str("\\a"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{b}' => escaped.push_str("\\v"),
            '\\' | '\'' | '"' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            other => escaped.push(other),
        }
    }
    escaped
}
