//! The options of the CSV source, and what they mean.

mod tolerance;
mod words;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use connect_api::{
    config::{Config, Problems},
    schema::logical,
};

use self::words::{CharCode, DatePattern, TaskPartitioner, Zone};
pub(crate) use self::{
    tolerance::Tolerance,
    words::{
        Charset, CleanupPolicy, FilePattern, GeneratedTypes, NullIndicator, SchemaText, SortBy,
        TimestampMode,
    },
};

/// Options of the CSV source.
#[derive(Config, Debug)]
#[config(check)]
pub(crate) struct CsvConfig {
    /// Files: where they come from and where they go.
    #[config(flatten)]
    pub(crate) spool: SpoolConfig,
    /// Schemas of records.
    #[config(flatten)]
    pub(crate) schemas: SchemaConfig,
    /// The text of files.
    #[config(flatten)]
    pub(crate) csv: DialectConfig,
}

/// Options about files.
#[derive(Config, Debug)]
#[config(group = "File System")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch users set by its own key")]
pub(crate) struct SpoolConfig {
    /// Topic the rows go to.
    #[config(importance = High, check = NOT_EMPTY)]
    pub(crate) topic: String,
    /// Directory that files are read from. It must exist and be writable.
    #[config(importance = High, check = NOT_EMPTY)]
    pub(crate) input_path: PathBuf,
    /// Directory that files are moved to when they cannot be read. It must exist and be writable.
    #[config(importance = High, check = NOT_EMPTY)]
    pub(crate) error_path: PathBuf,
    /// Directory that files are moved to when they were read and every row is acknowledged. Needed
    /// for the policies `MOVE` and `MOVEBYDATE`; it must exist and be writable.
    #[config(importance = High)]
    pub(crate) finished_path: Option<PathBuf>,
    /// Regular expression that the whole name of a file must match.
    #[config(importance = High)]
    pub(crate) input_file_pattern: FilePattern,
    /// Whether a file that cannot be read fails the task. Otherwise the next one is read.
    #[config(default = true, importance = High)]
    pub(crate) halt_on_error: bool,
    /// What becomes of a file once every row of it is acknowledged: `MOVE`, `MOVEBYDATE`, `DELETE`
    /// or `NONE`.
    #[config(default = CleanupPolicy::Move)]
    pub(crate) cleanup_policy: CleanupPolicy,
    /// Whether files from folders of `input.path` keep their folders when they are moved.
    #[config(default = false, importance = Low)]
    pub(crate) cleanup_policy_maintain_relative_path: bool,
    /// Whether folders of `input.path` are looked through as well.
    #[config(default = false, importance = Low)]
    pub(crate) input_path_walk_recursively: bool,
    /// Most records of one batch.
    #[config(default = 1000, importance = Low, check = at_least(1))]
    pub(crate) batch_size: usize,
    /// Pause when there was nothing to read.
    #[config(key = "empty.poll.wait.ms", default = 500, importance = Low, check = at_least(1))]
    pub(crate) empty_poll_wait: Duration,
    /// Files that were changed less than this ago are left alone.
    #[config(key = "file.minimum.age.ms", default = 0, importance = Low)]
    pub(crate) file_minimum_age: Duration,
    /// End of the name of the file that lies beside one that is being read. Files beside which
    /// another connector put one are left alone.
    #[config(default = ".PROCESSING", importance = Low, check = NOT_EMPTY)]
    pub(crate) processing_file_extension: String,
    /// What files are sorted by, in this order.
    #[config(default = "NameAsc", importance = Low)]
    pub(crate) files_sort_attributes: Vec<SortBy>,
    /// How files are shared out among tasks.
    #[config(default = TaskPartitioner::ByName, importance = Low)]
    #[expect(dead_code, reason = "there is only one way")]
    task_partitioner: TaskPartitioner,
    /// Bytes of a file that are read at once.
    #[config(key = "file.buffer.size.bytes", default = 131_072, importance = Low,
        check = between(1, 16_777_216))]
    pub(crate) file_buffer_bytes: usize,
    /// Longest row in bytes; a longer one cannot be read.
    #[config(key = "csv.max.row.bytes", default = 4_194_304, importance = Low,
        check = between(1, 67_108_864))]
    pub(crate) max_row_bytes: usize,
    /// Largest file that can be uploaded, in bytes.
    #[config(key = "upload.max.bytes", default = 1_073_741_824, importance = Low,
        check = at_least(1))]
    pub(crate) upload_max_bytes: u64,
}

/// Options about schemas and times.
#[derive(Config, Debug)]
#[config(group = "Schema")]
pub(crate) struct SchemaConfig {
    /// Schema of the keys, as JSON. Its fields must be fields of the value.
    #[config(default = "", importance = High, width = Long)]
    pub(crate) key_schema: SchemaText,
    /// Schema of the values, as JSON.
    #[config(default = "", importance = High, width = Long)]
    pub(crate) value_schema: SchemaText,
    /// Whether schemas are made of the files themselves: of the header, or `column01`, `column02`
    /// and so on.
    #[config(key = "schema.generation.enabled", default = false)]
    pub(crate) is_generated: bool,
    /// Fields of the value that a generated key has.
    #[config(key = "schema.generation.key.fields", default = "")]
    pub(crate) generated_key_fields: Vec<String>,
    /// Name of generated schemas of keys.
    #[config(
        key = "schema.generation.key.name",
        default = "com.github.jcustenborder.kafka.connect.model.Key"
    )]
    pub(crate) generated_key_name: String,
    /// Name of generated schemas of values.
    #[config(
        key = "schema.generation.value.name",
        default = "com.github.jcustenborder.kafka.connect.model.Value"
    )]
    pub(crate) generated_value_name: String,
    /// Types of generated fields: `string` as in the original, or `inferred` from the first
    /// thousand rows of each file, or from those in its first MiB.
    #[config(key = "schema.generation.types", default = GeneratedTypes::String, importance = Low)]
    pub(crate) generated_types: GeneratedTypes,
    /// Where the time of records comes from: a field (`FIELD`), the last change of the file
    /// (`FILE_TIME`) or the time of sending (`PROCESS_TIME`).
    #[config(default = TimestampMode::ProcessTime)]
    pub(crate) timestamp_mode: TimestampMode,
    /// Field with the time, a required `Timestamp`, for `timestamp.mode=FIELD`.
    #[config(default = "")]
    pub(crate) timestamp_field: String,
    /// Zone of times that do not say theirs.
    #[config(default = "UTC", importance = Low)]
    pub(crate) parser_timestamp_timezone: Zone,
    /// How dates and times are written, in the letters of Java's `SimpleDateFormat`, where `YYYY`
    /// is not `yyyy` but the year of the week. The first that fits counts.
    #[config(default = "yyyy-MM-dd'T'HH:mm:ss,yyyy-MM-dd' 'HH:mm:ss", importance = Low)]
    pub(crate) parser_timestamp_date_formats: Vec<DatePattern>,
}

/// Options about the text of files.
#[derive(Config, Debug)]
#[config(group = "CSV Parsing")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch users set by its own key")]
pub(crate) struct DialectConfig {
    /// Whether the first row names the columns.
    #[config(key = "csv.first.row.as.header", default = false)]
    pub(crate) has_header: bool,
    /// Code of the character between fields: 44 is a comma, 59 a semicolon, 9 a tab. With 0 the
    /// parser of RFC 4180 is used.
    #[config(key = "csv.separator.char", default = 44, importance = Low)]
    pub(crate) separator: CharCode,
    /// Code of the character around fields.
    #[config(key = "csv.quote.char", default = 34, importance = Low)]
    pub(crate) quote: CharCode,
    /// Code of the character before one that is to be taken as it is; 0 is none.
    #[config(key = "csv.escape.char", default = 92, importance = Low)]
    pub(crate) escape: CharCode,
    /// Lines before the header, or before the first row, that are not read.
    #[config(key = "csv.skip.lines", default = 0, importance = Low)]
    pub(crate) skip_lines: u32,
    /// Whether what stands outside of quotes is dropped.
    #[config(key = "csv.strict.quotes", default = false, importance = Low)]
    pub(crate) is_strict: bool,
    /// Whether quotes have no meaning.
    #[config(key = "csv.ignore.quotations", default = false, importance = Low)]
    pub(crate) ignores_quotes: bool,
    /// Whether the carriage return at the end of a line belongs to its last field.
    #[config(key = "csv.keep.carriage.return", default = false, importance = Low)]
    pub(crate) keeps_carriage_return: bool,
    /// Whether blanks before a quote are dropped.
    #[config(key = "csv.ignore.leading.whitespace", default = true, importance = Low)]
    pub(crate) ignores_leading_blanks: bool,
    /// Has no meaning here.
    #[config(key = "csv.verify.reader", default = true, importance = Low)]
    #[expect(dead_code, reason = "accepted for configurations of the original")]
    verify_reader: bool,
    /// Whether names of the header find fields of the schema only in the same case.
    #[config(key = "csv.case.sensitive.field.names", default = false, importance = Low)]
    pub(crate) is_case_sensitive: bool,
    /// Whether rows are read by the letter of RFC 4180, which knows no escape character.
    #[config(key = "csv.rfc.4180.parser.enabled", default = false, importance = Low)]
    pub(crate) is_rfc4180: bool,
    /// Which empty fields are null: `NEITHER`, `EMPTY_SEPARATORS`, `EMPTY_QUOTES` or `BOTH`.
    #[config(key = "csv.null.field.indicator", default = NullIndicator::Neither, importance = Low)]
    pub(crate) nulls: NullIndicator,
    /// How the bytes of files become text.
    #[config(key = "csv.file.charset", default = "UTF-8", importance = Low)]
    pub(crate) charset: Charset,
}

impl CsvConfig {
    fn check(&self, problems: &mut Problems) {
        self.spool.check_paths(problems);
        self.schemas.check_fields(problems);
        self.csv.check_characters(problems);
    }
}

impl SpoolConfig {
    fn check_paths(&self, problems: &mut Problems) {
        let needs_finished = self.moves_finished();
        if needs_finished && self.finished_path().is_none() {
            let policy = self.cleanup_policy;
            problems.add_text(
                "finished.path",
                format!("'finished.path' must be set if 'cleanup.policy' = {policy}."),
            );
        }
        self.check_apart("error.path", &self.error_path, problems);
        if let Some(finished) = self.finished_path().filter(|_| needs_finished) {
            self.check_apart("finished.path", finished, problems);
        }
    }

    /// A file that is moved to where files are read from would be read again, and again.
    fn check_apart(&self, key: &str, path: &Path, problems: &mut Problems) {
        let is_set = !path.as_os_str().is_empty();
        if is_set && real_path(path) == real_path(&self.input_path) {
            problems.add_text(
                key,
                format!(
                    "'{key}' is the directory of 'input.path', whose files would be read over and \
                     over. Name another directory."
                ),
            );
        }
    }

    /// Whether finished files go anywhere.
    pub(crate) const fn moves_finished(&self) -> bool {
        matches!(self.cleanup_policy, CleanupPolicy::Move | CleanupPolicy::MoveByDate)
    }

    /// Where finished files go.
    pub(crate) fn finished_path(&self) -> Option<&PathBuf> {
        self.finished_path.as_ref().filter(|path| !path.as_os_str().is_empty())
    }
}

/// A path without links and dots, as far as it exists.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

impl SchemaConfig {
    /// Whether types are made of the rows.
    pub(crate) fn needs_sample(&self) -> bool {
        self.value_schema.0.is_none() && self.generated_types == GeneratedTypes::Inferred
    }

    fn check_fields(&self, problems: &mut Problems) {
        let value = self.value_schema.0.as_deref();
        if value.is_none() && !self.is_generated {
            problems.add_text(
                "value.schema",
                "'value.schema' must be set if 'schema.generation.enabled' = false.",
            );
        }
        if let (Some(key), Some(value)) = (self.key_schema.0.as_deref(), value) {
            for field in key.fields() {
                if value.field_index(&field.name).is_none() {
                    let text =
                        format!("Field '{}' of the key is no field of the value.", field.name);
                    problems.add_text("key.schema", text);
                }
            }
        }
        if self.timestamp_mode == TimestampMode::Field {
            self.check_timestamp(problems);
        }
    }

    fn check_timestamp(&self, problems: &mut Problems) {
        let name = self.timestamp_field.as_str();
        if name.is_empty() {
            let text = "When `timestamp.mode` is set to `FIELD`, `timestamp.field` must be set to a \
                        timestamp field. Cannot be null or empty.";
            return problems.add_text("timestamp.field", text);
        }
        let Some(value) = self.value_schema.0.as_deref() else {
            if self.generated_types == GeneratedTypes::String {
                let text = "A generated schema has no timestamps unless schema.generation.types is \
                            inferred.";
                problems.add_text("timestamp.field", text);
            }
            return;
        };
        let field = value.fields().iter().find(|field| &*field.name == name);
        let is_timestamp = field.is_some_and(|field| {
            field.schema.name() == Some(logical::TIMESTAMP) && !field.schema.is_optional()
        });
        if !is_timestamp {
            let text = format!(
                "Field '{name}' must be present and set to a timestamp and cannot be optional."
            );
            problems.add_text("timestamp.field", text);
        }
    }
}

impl DialectConfig {
    fn check_characters(&self, problems: &mut Problems) {
        if self.is_by_letter() {
            return;
        }
        let (separator, quote, escape) = (self.separator.0, self.quote.0, self.escape.0);
        let are_same = |one: char, other: char| one != '\0' && one == other;
        if are_same(separator, quote) {
            problems.add_text("csv.quote.char", "The quote character must not be the separator.");
        }
        if are_same(escape, separator) || are_same(escape, quote) {
            problems.add_text(
                "csv.escape.char",
                "The escape character must be neither the separator nor the quote character.",
            );
        }
    }

    /// Whether RFC 4180 says how rows are read.
    pub(crate) const fn is_by_letter(&self) -> bool {
        self.is_rfc4180 || self.separator.0 == '\0'
    }
}
