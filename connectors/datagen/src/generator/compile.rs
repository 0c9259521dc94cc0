//! From a schema to a plan.

use connect_avro::{AvroSchema, AvroType, Kind, TypeId};

use super::{
    arguments::Arguments,
    iteration::{Domain, Iteration},
    options,
    plan::{Length, Plan, Text, Written},
    regex,
};

/// Types within each other; a type that contains itself would have no end.
const MOST_DEPTH: usize = 40;
/// Types in all, counted again wherever they are named.
const MOST_TYPES: usize = 10_000;
/// Digits that an unscaled number of 64 bits has for certain.
const MOST_DIGITS: u32 = 18;

type Result<T> = std::result::Result<T, String>;

/// Makes the plan of a schema whose series were asked so many times before.
///
/// # Errors
/// What is wrong, and in which field.
pub(super) fn plan(avro: &AvroSchema, generation: u64) -> Result<Plan> {
    Compiler { avro, generation, depth: 0, left: MOST_TYPES }.plan(avro.root)
}

struct Compiler<'a> {
    avro: &'a AvroSchema,
    generation: u64,
    depth: usize,
    left: usize,
}

impl Compiler<'_> {
    fn plan(&mut self, id: TypeId) -> Result<Plan> {
        if self.depth == MOST_DEPTH {
            return Err(
                "The schema contains itself, so that its records would have no end".to_owned()
            );
        }
        self.left = self.left.checked_sub(1).ok_or("The schema has too many types")?;
        self.depth += 1;
        let plan = self.any(id);
        self.depth -= 1;
        plan
    }

    fn any(&mut self, id: TypeId) -> Result<Plan> {
        let avro = self.avro;
        let kind = avro.whole(id).ok_or("The schema names a type that it does not have")?;
        let arguments = Arguments::of(kind)?;
        if let Some(given) = arguments.get("options") {
            return options::written(avro, id, given).map(Plan::Options);
        }
        if arguments.get("iteration").is_some() {
            return self.series(kind, &arguments);
        }
        self.value(kind, &arguments)
    }

    fn value(&mut self, kind: &AvroType, arguments: &Arguments<'_>) -> Result<Plan> {
        let double = |(min, max)| Plan::Double(min, max);
        Ok(match &kind.kind {
            Kind::Null => Plan::Null,
            Kind::Boolean => Plan::Boolean(arguments.odds()?),
            Kind::Int => {
                let (min, max) = arguments.whole_range(i32::MIN.into(), i32::MAX.into())?;
                Plan::Whole(min, max)
            }
            Kind::Long => {
                let (min, max) = arguments.whole_range(i64::MIN, i64::MAX)?;
                Plan::Whole(min, max)
            }
            Kind::Float => {
                let (min, max) = arguments.range(f32::MAX.into())?;
                Plan::Single(min, max)
            }
            Kind::Double => double(arguments.range(f64::MAX)?),
            Kind::Bytes if is_decimal(kind) => decimal(kind, arguments, None)?,
            Kind::Bytes => Plan::Bytes(arguments.length()?),
            Kind::Fixed(_, size) if is_decimal(kind) => decimal(kind, arguments, Some(*size))?,
            Kind::Fixed(_, size) => Plan::Fixed(*size),
            Kind::String => Plan::Text(text(arguments)?),
            Kind::Enum(_, symbols, _) if symbols.is_empty() => {
                return Err("An enumeration has no symbol".to_owned());
            }
            Kind::Enum(_, symbols, _) => {
                Plan::Enum(i64::try_from(symbols.len()).unwrap_or(i64::MAX))
            }
            Kind::Array(items) => Plan::Array(Box::new(self.plan(*items)?), arguments.length()?),
            Kind::Map(values) => {
                let keys = match arguments.get("keys") {
                    None => text(&Arguments::read(&serde_json::json!({}))?)?,
                    Some(keys) => text(&Arguments::read(keys)?)?,
                };
                let values = Box::new(self.plan(*values)?);
                Plan::Map(Box::new(Plan::Text(keys)), values, arguments.length()?)
            }
            Kind::Record(_, fields) => {
                let field = |field: &connect_avro::AvroField| {
                    self.plan(field.kind)
                        .map_err(|reason| format!("Field \"{}\": {reason}", field.name))
                };
                Plan::Record(fields.iter().map(field).collect::<Result<_>>()?)
            }
            Kind::Union(branches) if branches.is_empty() => {
                return Err("A union has no branch".to_owned());
            }
            Kind::Union(branches) => {
                Plan::Union(branches.iter().map(|id| self.plan(*id)).collect::<Result<_>>()?)
            }
        })
    }

    fn series(&self, kind: &AvroType, arguments: &Arguments<'_>) -> Result<Plan> {
        let json = arguments.get("iteration").ok_or("There is no iteration")?;
        let is_fraction = |name: &str| json.get(name).is_some_and(serde_json::Value::is_f64);
        let (domain, written) = match &kind.kind {
            Kind::Boolean => (Domain::Boolean, Written::Boolean),
            Kind::Int => (Domain::Int, Written::Whole),
            Kind::Long => (Domain::Long, Written::Whole),
            Kind::Float => (Domain::Single, Written::Single),
            Kind::Double => (Domain::Double, Written::Double),
            Kind::String => {
                let has_fraction =
                    ["start", "restart", "step", "initial"].into_iter().any(is_fraction);
                let domain = if has_fraction { Domain::Double } else { Domain::Long };
                let around =
                    |name| arguments.text(name).map(|text| text.unwrap_or_default().to_owned());
                (domain, Written::Text(around("prefix")?, around("suffix")?))
            }
            other => return Err(format!("A value of type {} has no iteration", other.word())),
        };
        Ok(Plan::Iteration(Iteration::read(json, domain, self.generation)?, written))
    }
}

fn text(arguments: &Arguments<'_>) -> Result<Text> {
    let pattern = arguments.text("regex")?.map(regex::parse).transpose()?;
    let usual = if pattern.is_some() { Length(0, usize::MAX) } else { arguments.length()? };
    Ok(Text {
        pattern,
        length: arguments.length_or(usual)?,
        prefix: arguments.text("prefix")?.unwrap_or_default().to_owned(),
        suffix: arguments.text("suffix")?.unwrap_or_default().to_owned(),
    })
}

fn is_decimal(kind: &AvroType) -> bool {
    kind.text("logicalType") == Some("decimal")
}

/// A decimal of the precision that its type has, or in a range.
fn decimal(kind: &AvroType, arguments: &Arguments<'_>, size: Option<usize>) -> Result<Plan> {
    let number = |name: &str| {
        kind.props.get(name).and_then(serde_json::Value::as_u64).and_then(|n| u32::try_from(n).ok())
    };
    let precision = number("precision").ok_or("A decimal has no precision")?.clamp(1, MOST_DIGITS);
    let scale = number("scale").unwrap_or(0);
    // What has fewer than the 8 bytes of a whole number holds fewer digits too.
    let bits = size.filter(|size| *size < 8).and_then(|size| u32::try_from(size * 8).ok());
    let room = bits.map_or(i64::MAX, |bits| 1_i64 << bits.saturating_sub(1));
    let limit = 10_i64.pow(precision).min(room);
    if arguments.get("range").is_none() {
        return Ok(Plan::Decimal(1 - limit, limit, size));
    }
    let (min, max) = arguments.range(f64::MAX)?;
    let unscaled = |number: f64| {
        let number = whole(number * 10_f64.powi(i32::try_from(scale).unwrap_or(i32::MAX)));
        Some(number).filter(|number| number.abs() <= limit)
    };
    match (unscaled(min), unscaled(max)) {
        (Some(min), Some(max)) if min < max => Ok(Plan::Decimal(min, max, size)),
        _ => Err("range: the numbers do not fit the precision of the decimal".to_owned()),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and is compared with a limit then")]
const fn whole(number: f64) -> i64 {
    number.round() as i64
}
