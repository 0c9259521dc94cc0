//! The one Java object stream that Kafka Connect keeps: a `HashMap<byte[], byte[]>`.
//!
//! Nothing else is understood, so that a file cannot make us build anything but pairs of bytes.
//!
//! Source: Java Object Serialization Specification, chapter 6; apache/kafka
//! `FileOffsetBackingStore.java`.

use bytes::Bytes;

/// A key and its value; either may be null.
pub(super) type Entry = (Option<Bytes>, Option<Bytes>);

const MAGIC: [u8; 4] = [0xac, 0xed, 0x00, 0x05];
const NULL: u8 = 0x70;
const REFERENCE: u8 = 0x71;
const CLASS: u8 = 0x72;
const OBJECT: u8 = 0x73;
const ARRAY: u8 = 0x75;
const BLOCK: u8 = 0x77;
const END_BLOCK: u8 = 0x78;
/// Number of the first thing in a stream that can be referred to.
const FIRST_HANDLE: usize = 0x7e_0000;

const MAP_NAME: &str = "java.util.HashMap";
const BYTES_NAME: &str = "[B";
const SERIALIZABLE: u8 = 0x02;
/// The class writes more than its fields.
const SERIALIZABLE_WITH_MORE: u8 = 0x03;
const MAP_VERSION: u64 = 0x0507_dac1_c316_60d1;
const BYTES_VERSION: u64 = 0xacf3_17f8_0608_54e0;

/// Fullness at which Java grows a table, and the smallest table it has.
const LOAD_FACTOR: f32 = 0.75;
const FEWEST_BUCKETS: usize = 16;

/// Reads the entries of a stream.
///
/// # Errors
/// What is wrong with it, where it is not the stream of such a map.
pub(super) fn read(stream: &Bytes) -> Result<Vec<Entry>, String> {
    let mut reader = Reader { stream, at: 0, handles: Vec::new() };
    if reader.take(MAGIC.len()).ok().as_deref() != Some(&MAGIC) {
        return Err("it is not a Java object stream".to_owned());
    }
    let count = reader.map_head()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let key = reader.bytes_or_null()?;
        entries.push((key, reader.bytes_or_null()?));
    }
    reader.expect(END_BLOCK)?;
    Ok(entries)
}

/// What has a number in a stream.
#[derive(Clone)]
enum Handle {
    Class(Kind),
    Array(Bytes),
    Map,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Map,
    Bytes,
}

struct Reader<'a> {
    stream: &'a Bytes,
    at: usize,
    handles: Vec<Handle>,
}

impl Reader<'_> {
    /// Everything before the first entry; how many there are.
    fn map_head(&mut self) -> Result<usize, String> {
        self.expect(OBJECT)?;
        let (kind, field_bytes) = self.class()?;
        if kind != Kind::Map {
            return Err(not_a_map(BYTES_NAME));
        }
        self.handles.push(Handle::Map);
        // Load factor and threshold say how the other side hashes.
        self.take(field_bytes)?;
        self.expect(BLOCK)?;
        self.expect(8)?;
        let _buckets = self.length()?;
        self.length()
    }

    /// A description of a class, or a reference to one; with the bytes that its fields take.
    fn class(&mut self) -> Result<(Kind, usize), String> {
        match self.byte()? {
            REFERENCE => match self.referred()? {
                Handle::Class(kind) => Ok((kind, 0)),
                Handle::Array(_) | Handle::Map => Err(self.strange()),
            },
            CLASS => {
                let name = self.text()?;
                let kind = match name.as_str() {
                    MAP_NAME => Kind::Map,
                    BYTES_NAME => Kind::Bytes,
                    other => return Err(not_a_map(other)),
                };
                let _version = self.take(8)?;
                self.handles.push(Handle::Class(kind));
                let _flags = self.byte()?;
                let field_bytes = self.fields()?;
                self.expect(END_BLOCK)?;
                self.expect(NULL)?;
                Ok((kind, field_bytes))
            }
            _ => Err(self.strange()),
        }
    }

    /// Descriptions of primitive fields; the bytes that they take.
    fn fields(&mut self) -> Result<usize, String> {
        let mut bytes = 0;
        for _ in 0..self.short()? {
            bytes += match self.byte()? {
                b'B' | b'Z' => 1,
                b'C' | b'S' => 2,
                b'F' | b'I' => 4,
                b'D' | b'J' => 8,
                _ => return Err(self.strange()),
            };
            self.text()?;
        }
        Ok(bytes)
    }

    fn bytes_or_null(&mut self) -> Result<Option<Bytes>, String> {
        match self.byte()? {
            NULL => Ok(None),
            REFERENCE => match self.referred()? {
                Handle::Array(bytes) => Ok(Some(bytes)),
                Handle::Class(_) | Handle::Map => Err(self.strange()),
            },
            ARRAY => {
                let (kind, _no_fields) = self.class()?;
                if kind != Kind::Bytes {
                    return Err(self.strange());
                }
                let length = self.length()?;
                let bytes = self.take(length)?;
                self.handles.push(Handle::Array(bytes.clone()));
                Ok(Some(bytes))
            }
            _ => Err(self.strange()),
        }
    }

    fn referred(&mut self) -> Result<Handle, String> {
        let number = self.length()?;
        let place = number.checked_sub(FIRST_HANDLE);
        place.and_then(|place| self.handles.get(place)).cloned().ok_or_else(|| self.strange())
    }

    fn text(&mut self) -> Result<String, String> {
        let length = usize::from(self.short()?);
        Ok(String::from_utf8_lossy(&self.take(length)?).into_owned())
    }

    fn length(&mut self) -> Result<usize, String> {
        let bytes = self.take(4)?;
        let number = <[u8; 4]>::try_from(bytes.as_ref()).map_or(-1, i32::from_be_bytes);
        usize::try_from(number).map_err(|_negative| self.strange())
    }

    fn short(&mut self) -> Result<u16, String> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    fn byte(&mut self) -> Result<u8, String> {
        let byte = self.take(1)?;
        Ok(byte.first().copied().unwrap_or_default())
    }

    fn expect(&mut self, wanted: u8) -> Result<(), String> {
        if self.byte()? == wanted { Ok(()) } else { Err(self.strange()) }
    }

    fn take(&mut self, count: usize) -> Result<Bytes, String> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.stream.len());
        let end = end.ok_or_else(|| format!("it ends at byte {}", self.stream.len()))?;
        let taken = self.stream.slice(self.at..end);
        self.at = end;
        Ok(taken)
    }

    fn strange(&self) -> String {
        format!("it is no HashMap<byte[], byte[]> at byte {}", self.at.saturating_sub(1))
    }
}

/// Source: apache/kafka `FileOffsetBackingStore.load`.
fn not_a_map(class: &str) -> String {
    format!("Expected HashMap but found class {class}")
}

/// Writes a stream of these entries.
pub(super) fn write<'a>(entries: impl ExactSizeIterator<Item = &'a Entry>) -> Vec<u8> {
    let count = entries.len();
    let buckets = (count * 4 / 3 + 1).next_power_of_two().max(FEWEST_BUCKETS);
    let mut stream = MAGIC.to_vec();
    stream.extend([OBJECT, CLASS]);
    push_text(&mut stream, MAP_NAME);
    stream.extend(MAP_VERSION.to_be_bytes());
    stream.extend([SERIALIZABLE_WITH_MORE, 0, 2]);
    stream.push(b'F');
    push_text(&mut stream, "loadFactor");
    stream.push(b'I');
    push_text(&mut stream, "threshold");
    stream.extend([END_BLOCK, NULL]);
    stream.extend(LOAD_FACTOR.to_be_bytes());
    push_length(&mut stream, buckets / 4 * 3);
    stream.extend([BLOCK, 8]);
    push_length(&mut stream, buckets);
    push_length(&mut stream, count);
    let mut has_class = false;
    for (key, value) in entries {
        for bytes in [key, value] {
            push_bytes(&mut stream, bytes.as_deref(), &mut has_class);
        }
    }
    stream.push(END_BLOCK);
    stream
}

/// The class is described before its first array and referred to after that.
fn push_bytes(stream: &mut Vec<u8>, bytes: Option<&[u8]>, has_class: &mut bool) {
    let Some(bytes) = bytes else { return stream.push(NULL) };
    stream.push(ARRAY);
    if *has_class {
        stream.push(REFERENCE);
        // The map's class and the map come before it.
        push_length(stream, FIRST_HANDLE + 2);
    } else {
        *has_class = true;
        stream.push(CLASS);
        push_text(stream, BYTES_NAME);
        stream.extend(BYTES_VERSION.to_be_bytes());
        stream.extend([SERIALIZABLE, 0, 0, END_BLOCK, NULL]);
    }
    push_length(stream, bytes.len());
    stream.extend_from_slice(bytes);
}

fn push_text(stream: &mut Vec<u8>, text: &str) {
    stream.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    stream.extend_from_slice(text.as_bytes());
}

/// Java counts no further either.
fn push_length(stream: &mut Vec<u8>, length: usize) {
    stream.extend(i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// Written by a standalone worker of Apache Kafka 4.3.1.
    const FROM_JAVA: &[u8] =
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/store/connect.offsets"));

    #[test]
    fn the_file_of_a_jvm_worker_is_read() {
        let entries = read(&Bytes::from_static(FROM_JAVA)).unwrap();
        let shown: Vec<_> = entries
            .iter()
            .map(|(key, value)| (key.as_deref().unwrap(), value.as_deref().unwrap()))
            .collect();
        let key = br#"["source",{"filename":"/tmp/in.txt"}]"#.as_slice();
        assert_eq!(shown, [(key, br#"{"position":8}"#.as_slice())]);
    }

    #[test]
    fn the_same_bytes_as_a_jvm_worker_writes_are_written() {
        let entries = read(&Bytes::from_static(FROM_JAVA)).unwrap();
        assert_eq!(write(entries.iter()), FROM_JAVA);
    }

    #[test]
    fn an_array_that_comes_again_may_be_a_reference() {
        let array = Some(Bytes::from_static(b"ab"));
        let mut stream = write([(array.clone(), array.clone())].iter());
        // Mark, class, length, two bytes, and the end of the block.
        stream.truncate(stream.len() - (1 + 5 + 4 + 2 + 1));
        stream.extend([REFERENCE, 0, 0x7e, 0, 3, END_BLOCK]);
        assert_eq!(read(&stream.into()).unwrap(), [(array.clone(), array)]);
    }

    #[test]
    fn what_is_no_such_map_is_named() {
        let tree = [&MAGIC[..], &[OBJECT, CLASS, 0, 17], b"java.util.TreeMap"].concat();
        let problem = read(&tree.into()).unwrap_err();
        assert_eq!(problem, "Expected HashMap but found class java.util.TreeMap");
        let problem = read(&Bytes::from_static(b"{\"a\":1}")).unwrap_err();
        assert_eq!(problem, "it is not a Java object stream");
        let half = Bytes::from_static(&FROM_JAVA[..90]);
        assert_eq!(read(&half).unwrap_err(), "it ends at byte 90");
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(
            entries in proptest::collection::vec(
                (proptest::option::of(any::<Vec<u8>>()), proptest::option::of(any::<Vec<u8>>())),
                0..40,
            ),
        ) {
            let entries: Vec<Entry> = entries
                .into_iter()
                .map(|(key, value)| (key.map(Bytes::from), value.map(Bytes::from)))
                .collect();
            prop_assert_eq!(read(&write(entries.iter()).into()), Ok(entries));
        }

        #[test]
        fn a_changed_byte_never_panics(place in 0..FROM_JAVA.len(), byte in any::<u8>()) {
            let mut stream = FROM_JAVA.to_vec();
            stream[place] = byte;
            if let Ok(entries) = read(&stream.into()) {
                prop_assert!(entries.len() <= 1);
            }
        }
    }
}
