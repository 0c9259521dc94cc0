//! Numbers as people read them.

/// A count as it is reckoned with; exact to 2^53.
#[expect(clippy::cast_precision_loss, reason = "estimates need no more")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// A positive number of milliseconds, in seconds; nothing for those that switch something off.
pub(crate) fn seconds(ms: i64) -> Option<f64> {
    let ms = u64::try_from(ms).ok().filter(|&ms| ms > 0)?;
    Some(float(ms) / 1000.0)
}

/// `1.5 MB`.
pub(crate) fn bytes(bytes: f64) -> String {
    let units = ["bytes", "KB", "MB", "GB", "TB", "PB"];
    scaled(bytes, 1000.0, &units)
}

/// `10 minutes`.
pub(crate) fn span(seconds: f64) -> String {
    let units = [(86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds")];
    let (unit, name) =
        units.into_iter().find(|(unit, _)| seconds >= *unit * 0.999).unwrap_or((0.001, "ms"));
    let number = number(seconds / unit);
    let name = if number == "1" { name.strip_suffix('s').filter(|_| unit >= 1.0) } else { None }
        .unwrap_or(name);
    format!("{number} {name}")
}

/// `12,345` or `1.5`.
pub(crate) fn number(value: f64) -> String {
    let text = if value >= 99.5 { format!("{value:.0}") } else { format!("{value:.1}") };
    let text = text.strip_suffix(".0").unwrap_or(&text);
    let (whole, rest) = text.split_once('.').map_or((text, None), |(a, b)| (a, Some(b)));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or(grouped.clone(), |rest| format!("{grouped}.{rest}"))
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut unit = units.iter();
    let mut name = unit.next().copied().unwrap_or_default();
    for next in unit {
        if value < step * 0.9995 {
            break;
        }
        (value, name) = (value / step, next);
    }
    format!("{} {name}", number(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        let spans = [0.25, 1.0, 60.0, 90.0, 3600.0, 7200.0, 86_400.0, 260_000.0].map(span);
        let expected = [
            "250 ms",
            "1 second",
            "1 minute",
            "1.5 minutes",
            "1 hour",
            "2 hours",
            "1 day",
            "3 days",
        ];
        assert_eq!(spans, expected);
        let sizes = [0.0, 999.0, 1000.0, 12_345.0, 25e6, 3.21e9].map(bytes);
        assert_eq!(sizes, ["0 bytes", "999 bytes", "1 KB", "12.3 KB", "25 MB", "3.2 GB"]);
        assert_eq!([1234.0, 1_234_567.8, 0.04].map(number), ["1,234", "1,234,568", "0"]);
    }
}
