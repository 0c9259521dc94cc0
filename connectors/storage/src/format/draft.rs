//! One value on its way into a file.

use std::sync::Arc;

use connect_api::{
    error::Result,
    schema::{Schema, Type, same_schema},
    value::{Struct, Value},
};

use super::{Format, Layout, layout::Layouts};

/// A value on its way into a file, and what is remembered from one to the next.
#[derive(Debug)]
pub struct Draft {
    /// The value as bytes.
    pub content: Vec<u8>,
    /// How values of its schema stand in files; nothing for a format without schemas.
    pub layout: Option<Arc<Layout>>,
    /// Schema as the record has it.
    pub schema: Option<Arc<Schema>>,
    layouts: Layouts,
    /// Schema of a value, and of the row it is in.
    row: Option<(Arc<Schema>, Arc<Schema>)>,
}

impl Draft {
    /// Nothing yet; so many schemas are remembered.
    pub fn new(most_layouts: i32) -> Self {
        let layouts = Layouts::new(most_layouts);
        Self { content: Vec::new(), layout: None, schema: None, layouts, row: None }
    }

    /// Writes a value that has this schema.
    ///
    /// # Errors
    /// `Record` when it has no form in the format.
    pub fn write(
        &mut self,
        format: &Format,
        schema: Option<&Arc<Schema>>,
        value: &Value,
    ) -> Result<()> {
        self.content.clear();
        self.layout = self.layouts.find(format, schema)?;
        if !same_schema(self.schema.as_ref(), schema) {
            self.schema = schema.cloned();
        }
        format.write(&mut self.content, value, self.layout.as_deref())
    }

    /// Writes a value that has this schema as the only field of a row, for a format that has nothing
    /// but rows.
    ///
    /// # Errors
    /// As [`Draft::write`].
    pub fn write_in_row(
        &mut self,
        format: &Format,
        (row, field): (&str, &str),
        schema: &Arc<Schema>,
        value: &Value,
    ) -> Result<()> {
        let row = match &self.row {
            Some((known, row)) if Arc::ptr_eq(known, schema) || known == schema => Arc::clone(row),
            _ => {
                let row = Schema::new(Type::Struct).named(row).field(field, Arc::clone(schema));
                let row = Arc::new(row);
                self.row = Some((Arc::clone(schema), Arc::clone(&row)));
                row
            }
        };
        let value = Value::Struct(Struct::new(Arc::clone(&row), vec![value.clone()]));
        self.write(format, Some(&row), &value)
    }
}
