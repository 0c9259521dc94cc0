//! The workbook, made of the store.
//!
//! Rows go from the store to the disk one by one, so that a workbook of a million rows takes no more
//! memory than one of ten. The new workbook is whole and on the disk before it takes the place of
//! the old one.

use std::{
    collections::HashMap,
    error::Error,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use connect_api::error::{ConnectorError, Result};
use connect_disk::directory_of;
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use crate::{
    cell::Cell,
    names::SheetNames,
    store::{Store, StoredSheet},
};

/// Makes the workbook of a store and puts it in the place of the old one.
///
/// # Errors
/// `Retriable` when the disk refuses.
pub(crate) fn render(store: &Store, path: &Path, sheet_max_rows: u32) -> Result<()> {
    let part = part_of(path);
    // Two tasks of one workbook, which a task that is replaced may be for a moment, write the same part.
    store.begin_read()?;
    let written = write(store, path, &part, sheet_max_rows);
    let placed = written.and_then(|()| place(&part, path).map_err(|error| unwritten(path, error)));
    if placed.is_err() {
        // What is half written is nobody's.
        let _removed = fs::remove_file(&part);
    }
    store.end_read();
    placed
}

/// Where a new workbook is written: hidden, beside the old one.
pub(crate) fn part_of(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".part");
    path.with_file_name(name)
}

fn place(part: &Path, path: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, path)?;
    File::open(directory_of(path))?.sync_all()
}

fn write(store: &Store, path: &Path, part: &Path, sheet_max_rows: u32) -> Result<()> {
    let mut workbook = Workbook::new();
    workbook.set_tempdir(directory_of(path)).map_err(|error| broken(path, error))?;
    let formats = Formats::new();
    let mut names = SheetNames::default();
    let sheets = store.sheets()?;
    for sheet in &sheets {
        write_sheet(&mut workbook, (store, sheet), (&mut names, &formats), (path, sheet_max_rows))?;
    }
    if sheets.is_empty() {
        // A workbook has a sheet.
        workbook.add_worksheet();
    }
    workbook.save(part).map_err(|error| broken(path, error))
}

/// How cells of a kind look.
struct Formats {
    header: Format,
    moment: Format,
    day: Format,
    time: Format,
}

impl Formats {
    fn new() -> Self {
        let shown = |pattern: &str| Format::new().set_num_format(pattern);
        Self {
            header: Format::new().set_bold(),
            moment: shown("yyyy-mm-dd hh:mm:ss.000"),
            day: shown("yyyy-mm-dd"),
            time: shown("hh:mm:ss.000"),
        }
    }
}

/// Writes the rows of a topic, to as many sheets as they need.
fn write_sheet(
    workbook: &mut Workbook,
    (store, sheet): (&Store, &StoredSheet),
    (names, formats): (&mut SheetNames, &Formats),
    (path, sheet_max_rows): (&Path, u32),
) -> Result<()> {
    let mut places = HashMap::new();
    for ((id, _), place) in sheet.columns.iter().zip(0_u16..) {
        places.insert(*id, place);
    }
    let mut begin = |workbook: &mut Workbook| -> Result<()> {
        let name = names.name(&sheet.topic);
        let worksheet =
            workbook.add_worksheet_with_constant_memory().map_err(|error| broken(path, error))?;
        worksheet.set_name(name).map_err(|error| broken(path, error))?;
        worksheet.set_freeze_panes(1, 0).map_err(|error| broken(path, error))?;
        for ((_, name), place) in sheet.columns.iter().zip(0_u16..) {
            worksheet
                .write_string_with_format(0, place, name, &formats.header)
                .map_err(|error| broken(path, error))?;
        }
        Ok(())
    };
    begin(workbook)?;
    let mut line = 1;
    store.each_row(sheet.id, |cells| {
        if line >= sheet_max_rows {
            begin(workbook)?;
            line = 1;
        }
        // The sheet that was added last.
        let Some(worksheet) = workbook.worksheets_mut().last_mut() else { return Ok(()) };
        for (id, cell) in cells {
            let Some(place) = places.get(&id) else { continue };
            write_cell(worksheet, (line, *place), &cell, formats)
                .map_err(|error| broken(path, error))?;
        }
        line += 1;
        Ok(())
    })
}

fn write_cell(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &Cell,
    formats: &Formats,
) -> Result<(), XlsxError> {
    let _sheet = match cell {
        Cell::Empty => return Ok(()),
        Cell::Boolean(is) => sheet.write_boolean(row, column, *is)?,
        Cell::Number(number) => sheet.write_number(row, column, *number)?,
        Cell::Text(text) => sheet.write_string(row, column, text)?,
        Cell::Moment(day) => sheet.write_number_with_format(row, column, *day, &formats.moment)?,
        Cell::Day(day) => sheet.write_number_with_format(row, column, *day, &formats.day)?,
        Cell::Time(part) => sheet.write_number_with_format(row, column, *part, &formats.time)?,
    };
    Ok(())
}

fn unwritten(path: &Path, error: io::Error) -> ConnectorError {
    connect_disk::failure("write the workbook", path, error)
}

fn broken(path: &Path, error: XlsxError) -> ConnectorError {
    let error = match error {
        XlsxError::IoError(error) => return unwritten(path, error),
        error => error,
    };
    match disk_trouble(&error) {
        Some(kind) => unwritten(path, io::Error::new(kind, error)),
        None => {
            let message = format!("Could not make the workbook \"{}\"", path.display());
            ConnectorError::internal(message).caused_by(error)
        }
    }
}

/// What the disk has said, where that is the cause: what packs the workbook hides it.
fn disk_trouble(error: &XlsxError) -> Option<io::ErrorKind> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}
