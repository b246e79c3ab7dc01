//! The settings that say which objects of a report a route copies at all. docs/CONFIGURATION.md has a row for each. Calls
//! nothing; `plan` holds rows against them.

use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};
use jiff::SignedDuration;

use super::route::COPY_MODE;
use super::{CopyMode, Reader, Setting};
use crate::names::{Invalid, excerpt};

const INCLUDE_PREFIXES: Setting = Setting::optional("INCLUDE_PREFIXES");
const EXCLUDE_PREFIXES: Setting = Setting::optional("EXCLUDE_PREFIXES");
const INCLUDE_GLOBS: Setting = Setting::optional("INCLUDE_GLOBS");
const EXCLUDE_GLOBS: Setting = Setting::optional("EXCLUDE_GLOBS");
const MIN_SIZE: Setting = Setting::optional("MIN_SIZE");
const MAX_SIZE: Setting = Setting::optional("MAX_SIZE");
const STORAGE_CLASSES: Setting = Setting::optional("STORAGE_CLASSES");
const MIN_AGE: Setting = Setting::optional("MIN_AGE");

/// The settings of [`Filters`].
pub const FILTER_SETTINGS: &[Setting] =
    &[INCLUDE_PREFIXES, EXCLUDE_PREFIXES, INCLUDE_GLOBS, EXCLUDE_GLOBS, MIN_SIZE, MAX_SIZE, STORAGE_CLASSES, MIN_AGE];

/// Which objects a route copies. Without any of these, all.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    /// A key has to begin with one of these; any will do if there are none.
    pub include_prefixes: Vec<String>,
    /// A key must not begin with one of these.
    pub exclude_prefixes: Vec<String>,
    /// A key has to match one of these; any will do if there are none.
    pub include_globs: Vec<Glob>,
    /// A key must not match one of these.
    pub exclude_globs: Vec<Glob>,
    /// The least bytes of an object.
    pub min_size: Option<u64>,
    /// The most bytes of an object.
    pub max_size: Option<u64>,
    /// The classes that an object may have, by their names in inventories; any will do if there are none.
    pub storage_classes: Vec<String>,
    /// An object has to be as old, by its last-modified time, when its report's scan starts.
    pub min_age: Option<SignedDuration>,
}

/// A pattern of keys: `*` and `?` do not match a slash, `**` does. `?` is one byte of UTF-8.
#[derive(Debug, Clone)]
pub struct Glob(GlobMatcher);

impl Glob {
    /// Whether the whole of a decoded key matches.
    pub fn matches(&self, key: &str) -> bool {
        self.0.is_match(key)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.glob().glob()
    }
}

impl FromStr for Glob {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        if has_wide_class(text) {
            // The matcher goes byte by byte: such a class would never match.
            let why = "a class in [] holds ASCII characters only; write alternatives as {ä,ö}";
            return Err(FilterError::Glob(excerpt(text), why.to_owned()));
        }
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
        let glob = glob.map_err(|error| FilterError::Glob(excerpt(text), error.kind().to_string()))?;
        Ok(Self(glob.compile_matcher()))
    }
}

fn has_wide_class(glob: &str) -> bool {
    let (mut within, mut escaped) = (false, false);
    glob.chars().any(|c| {
        let literal = std::mem::take(&mut escaped);
        match c {
            '\\' => escaped = !literal,
            '[' if !literal => within = true,
            ']' if !literal => within = false,
            _ => return within && !c.is_ascii(),
        }
        false
    })
}

/// Why a filter cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Nothing stands between two commas.
    #[error("expected texts with commas between them, or a JSON array of texts; found an empty one in {0:?}")]
    Empty(String),
    /// It begins like a JSON array.
    #[error("expected a JSON array of texts, since it begins with [; found {0:?} ({1})")]
    Json(String, String),
    /// Not a glob.
    #[error("{0:?} is not a glob: {1}")]
    Glob(String, String),
}

/// Texts with commas between them; or, where one of them has a comma in it, a JSON array of texts.
struct List(Vec<String>);

impl FromStr for List {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let array = text.trim_start().starts_with('[').then(|| serde_json::from_str::<Vec<String>>(text));
        let texts = match array {
            Some(Ok(texts)) => texts,
            // A glob may begin with a class of characters, but hardly with one of quotes.
            Some(Err(error)) if text.trim_start().starts_with("[\"") => {
                return Err(FilterError::Json(excerpt(text), error.to_string()));
            }
            None | Some(Err(_)) => split(text),
        };
        if texts.is_empty() || texts.iter().any(String::is_empty) {
            return Err(FilterError::Empty(excerpt(text)));
        }
        Ok(Self(texts))
    }
}

/// Cuts at commas, but not at those within `{}` or `[]`, where a glob has its alternatives.
fn split(text: &str) -> Vec<String> {
    let (mut texts, mut depth, mut escaped) = (vec![String::new()], 0_u32, false);
    for c in text.chars() {
        let literal = escaped;
        escaped = c == '\\' && !literal;
        match c {
            '{' | '[' if !literal => depth += 1,
            '}' | ']' if !literal => depth = depth.saturating_sub(1),
            ',' if !literal && depth == 0 => {
                texts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = texts.last_mut() {
            last.push(c);
        }
    }
    texts.into_iter().map(|text| text.trim().to_owned()).collect()
}

/// Globs, with commas between them or as a JSON array.
struct Globs(Vec<Glob>);

impl FromStr for Globs {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let List(globs) = text.parse()?;
        globs.iter().map(|glob| glob.parse()).collect::<Result<_, _>>().map(Self)
    }
}

/// Bytes, with a unit or without.
struct Size(u64);

impl FromStr for Size {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
        let unit = units.into_iter().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?.trim_end(), bits)));
        let (number, bits) = unit.unwrap_or((text, 0));
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << bits));
        bytes.map(Self).ok_or_else(|| Invalid::new("a number of bytes, or of KiB, MiB, GiB or TiB as in 10MiB", text))
    }
}

/// Minutes, hours or days.
struct Age(SignedDuration);

impl FromStr for Age {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let unit = |unit: char, minutes: i64| {
            let number = text.strip_suffix(unit)?.parse::<u32>().ok()?;
            Some(SignedDuration::from_mins(i64::from(number) * minutes))
        };
        let age = unit('m', 1).or_else(|| unit('h', 60)).or_else(|| unit('d', 24 * 60));
        age.map(Self).ok_or_else(|| Invalid::new("a number of minutes, hours or days as in 90m, 36h or 7d", text))
    }
}

/// Storage classes as inventories name them.
struct Classes(Vec<String>);

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html>
const CLASSES: [&str; 8] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
];

impl FromStr for Classes {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let classes: Vec<String> = text.split(',').map(|class| class.trim().to_owned()).collect();
        match classes.iter().find(|class| !CLASSES.contains(&class.as_str())) {
            None => Ok(Self(classes)),
            Some(class) => Err(Invalid::new(
                "some of STANDARD, REDUCED_REDUNDANCY, STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, GLACIER_IR, GLACIER, \
                DEEP_ARCHIVE with commas between them",
                class,
            )),
        }
    }
}

impl Filters {
    /// Reads [`FILTER_SETTINGS`]; what is wrong with them, `reader` remembers.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let mut list = |setting| reader.read::<List>(setting).map(|List(texts)| texts).unwrap_or_default();
        let (include_prefixes, exclude_prefixes) = (list(&INCLUDE_PREFIXES), list(&EXCLUDE_PREFIXES));
        let mut globs = |setting| reader.read::<Globs>(setting).map(|Globs(globs)| globs).unwrap_or_default();
        let (include_globs, exclude_globs) = (globs(&INCLUDE_GLOBS), globs(&EXCLUDE_GLOBS));
        let mut size = |setting| reader.read::<Size>(setting).map(|Size(bytes)| bytes);
        let (min_size, max_size) = (size(&MIN_SIZE), size(&MAX_SIZE));
        let storage_classes = reader.read::<Classes>(&STORAGE_CLASSES).map(|Classes(classes)| classes);
        let min_age = reader.read::<Age>(&MIN_AGE).map(|Age(age)| age);
        let filters = Self {
            include_prefixes,
            exclude_prefixes,
            include_globs,
            exclude_globs,
            min_size,
            max_size,
            storage_classes: storage_classes.unwrap_or_default(),
            min_age,
        };
        filters.hold_together(reader);
        filters
    }

    /// What lets no object pass is a mistake.
    fn hold_together(&self, reader: &mut Reader<'_>) {
        if let (Some(min), Some(max)) = (self.min_size, self.max_size)
            && min > max
        {
            reader.blame(&MIN_SIZE, format!("{min} bytes, which is more than MAX_SIZE, {max}: no object is copied"));
        }
        if reader.known::<CopyMode>(&COPY_MODE) == Some(CopyMode::Everything) && !self.is_none() {
            let set = FILTER_SETTINGS.iter().find(|setting| reader.is_set(setting));
            let why =
                "is set, but COPY_MODE is Everything, which submits each report as it is: leave it out, or use Changes";
            reader.blame(set.unwrap_or(&COPY_MODE), why);
        }
        let nothing = |prefix: &&String| self.exclude_prefixes.iter().any(|not| prefix.starts_with(not));
        if let Some(prefix) = self.include_prefixes.iter().find(nothing) {
            let why = format!("{:?} is excluded by EXCLUDE_PREFIXES: no object below it is copied", excerpt(prefix));
            reader.blame(&INCLUDE_PREFIXES, why);
        }
    }

    /// Whether every object passes.
    pub fn is_none(&self) -> bool {
        let texts = [&self.include_prefixes, &self.exclude_prefixes, &self.storage_classes];
        texts.iter().all(|texts| texts.is_empty())
            && self.include_globs.is_empty()
            && self.exclude_globs.is_empty()
            && (self.min_size, self.max_size, self.min_age) == (None, None, None)
    }

    /// All of them in one text: of two that differ, no object may be taken for planned by the other.
    pub fn fingerprint(&self) -> String {
        let globs = |globs: &[Glob]| globs.iter().map(|glob| glob.as_str().to_owned()).collect::<Vec<_>>();
        let Self { include_prefixes, exclude_prefixes, min_size, max_size, storage_classes, .. } = self;
        let (include, exclude) = (globs(&self.include_globs), globs(&self.exclude_globs));
        let age = self.min_age.map(|age| age.as_secs());
        let all = (include_prefixes, exclude_prefixes, include, exclude, min_size, max_size, storage_classes, age);
        // Texts and numbers are always JSON.
        serde_json::to_string(&all).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(settings: &[(&'static str, &'static str)]) -> Result<Filters, String> {
        let env: BTreeMap<&str, &str> = settings.iter().copied().collect();
        let mut reader = Reader::new(&env);
        let filters = Filters::read(&mut reader);
        reader.finish(Some(filters)).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_filters_nothing() {
        let filters = read(&[("INCLUDE_PREFIXES", ""), ("MIN_AGE", "")]).unwrap();
        assert!(filters.is_none());
        assert!(!read(&[("MAX_SIZE", "0")]).unwrap().is_none());
        assert_ne!(filters.fingerprint(), read(&[("MAX_SIZE", "0")]).unwrap().fingerprint());
    }

    #[test]
    fn lists_are_cut_at_commas_or_are_json() {
        let prefixes = |text| read(&[("INCLUDE_PREFIXES", text)]).map(|filters| filters.include_prefixes);
        assert_eq!(prefixes("a/, b c/").unwrap(), ["a/", "b c/"]);
        assert_eq!(prefixes(r#"["a, b/", " c"]"#).unwrap(), ["a, b/", " c"]);
        for wrong in ["a,,b", ",", "[]", r#"["a""#, r#"["a", 3]"#] {
            let error = prefixes(wrong).unwrap_err();
            assert!(error.contains("INCLUDE_PREFIXES: expected"), "{wrong}: {error}");
        }
        let globs = read(&[("EXCLUDE_GLOBS", r"**/*.{jpg,png},[!a,]*, a\,b")]).unwrap().exclude_globs;
        assert_eq!(globs.iter().map(Glob::as_str).collect::<Vec<_>>(), ["**/*.{jpg,png}", "[!a,]*", r"a\,b"]);
    }

    #[test]
    fn globs_match_whole_keys_whatever_is_in_them() {
        let matches = |glob: &str, key: &str| glob.parse::<Glob>().unwrap().matches(key);
        assert!(matches("*.tmp", "a.tmp") && !matches("*.tmp", "b/a.tmp") && matches("**/*.tmp", "b/c/a.tmp"));
        assert!(matches("logs/**", "logs/a/b") && !matches("logs/*", "logs/a/b") && !matches("logs/**", "logs"));
        for odd in ["a/.", "a/..", "a//b", "/a", "a/", "ä\n\"%2F+ b", "\u{202e}x"] {
            assert!(matches("**", odd), "{odd:?}");
        }
        assert!(matches("a/..", "a/..") && matches("**/..", "a/b/..") && matches("a//b", "a//b"));
        assert!(
            matches("b ü?.txt", "b üx.txt")
                && matches("{ä,ö}*", "öl")
                && matches(r"\*", "*")
                && !matches(r"\*", "x")
                && !matches("A", "a")
        );
    }

    #[test]
    fn sizes_and_ages_have_units() {
        let filters = read(&[("MIN_SIZE", "10MiB"), ("MAX_SIZE", "5368709120"), ("MIN_AGE", "36h")]).unwrap();
        assert_eq!((filters.min_size, filters.max_size), (Some(10 << 20), Some(5 << 30)));
        assert_eq!(filters.min_age, Some(SignedDuration::from_hours(36)));
        for (name, wrong) in [
            ("MIN_SIZE", "-1"),
            ("MIN_SIZE", "10MB"),
            ("MAX_SIZE", "99999999999TiB"),
            ("MIN_AGE", "3"),
            ("MIN_AGE", "d"),
        ] {
            let error = read(&[(name, wrong)]).unwrap_err();
            assert!(error.contains(name) && error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (settings, name) in [
            (&[("STORAGE_CLASSES", "STANDARD, GLACER")][..], "STORAGE_CLASSES: expected some of STANDARD"),
            (&[("INCLUDE_GLOBS", "{a")][..], "INCLUDE_GLOBS: \"{a\" is not a glob: unclosed alternate group"),
            (&[("INCLUDE_GLOBS", "[äö]*")][..], "holds ASCII characters only"),
            (&[("MIN_SIZE", "2"), ("MAX_SIZE", "1")][..], "MIN_SIZE: 2 bytes, which is more than MAX_SIZE, 1"),
            (&[("COPY_MODE", "Everything"), ("MIN_AGE", "1d")][..], "MIN_AGE: is set, but COPY_MODE is Everything"),
            (&[("INCLUDE_PREFIXES", "a/b"), ("EXCLUDE_PREFIXES", "a/")][..], "INCLUDE_PREFIXES: \"a/b\" is excluded"),
        ] {
            let error = read(settings).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }
}
