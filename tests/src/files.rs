//! What the demo copies: a folder's files, or this repository's and a few keys that hurt.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;

use crate::Error;

/// One object to put into the source bucket.
#[derive(Debug, Clone)]
pub struct File {
    /// The object's key.
    pub key: String,
    /// Where its bytes are.
    pub content: Content,
}

/// The bytes of an object.
#[derive(Debug, Clone)]
pub enum Content {
    /// In a file.
    At(PathBuf),
    /// Here.
    Bytes(Bytes),
}

/// Keys that break URL decoding, CSV quoting, XML escaping or path handling somewhere.
pub const PAINFUL_KEYS: [&str; 18] = [
    "painful/space in the name.txt",
    "painful/ leading and trailing ",
    "painful/plus+plus.txt",
    "painful/percent%20literal%.txt",
    "painful/unicode-ünïcödé-日本語-🚢.txt",
    "painful/decomposed-u\u{308}.txt",
    "painful/\"double quotes\".txt",
    "painful/'single' quotes.txt",
    "painful/comma,comma.txt",
    "painful/new\nline.txt",
    "painful/tab\tab.txt",
    "painful//two-slashes.txt",
    "painful/dots/../are-names.txt",
    "painful/ends-with-slash/",
    "painful/back\\slash.txt",
    "painful/<xml>&amp;?query=1#fragment.txt",
    "painful/*star*?[glob]{brace}$dollar~!.txt",
    "/painful/leading-slash.txt",
];

/// Every regular file below `directory`; links are not followed.
pub fn below(directory: &Path) -> Result<Vec<File>, Error> {
    if !directory.is_dir() {
        return Err(format!("{} is not a folder; --from takes the folder to copy", directory.display()).into());
    }
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(directory).sort_by_file_name() {
        let entry = entry?;
        if !entry.file_type().is_file() {
            continue;
        }
        let key = entry.path().strip_prefix(directory)?.to_str();
        let key = key.ok_or_else(|| format!("{} is not UTF-8, as an S3 key must be", entry.path().display()))?;
        files.push(File { key: key.to_owned(), content: Content::At(entry.path().to_owned()) });
    }
    Ok(files)
}

/// What happens to a bucket's objects in a day.
#[derive(Debug, Default)]
pub struct Day {
    /// Places of files that are new or changed.
    pub put: Vec<usize>,
    /// Keys that are deleted.
    pub deleted: Vec<String>,
}

/// A day passes: a few files are added, overwritten with as many other bytes, deleted and renamed. Deleted ones stay in `files`,
/// since their copies stay.
pub fn a_day_passes(files: &mut Vec<File>) -> Result<Day, Error> {
    let mut day = Day::default();
    let few = (files.len() / 100).clamp(1, 5).min(files.len());
    for (place, file) in files.iter_mut().take(few).enumerate() {
        let bytes: Vec<u8> = file.bytes()?.iter().map(|byte| !byte).collect();
        file.content = Content::Bytes(bytes.into());
        day.put.push(place);
    }
    if let Some(file) = files.last() {
        day.deleted.push(file.key.clone());
        let renamed = File { key: format!("{} (renamed)", file.key), content: file.content.clone() };
        day.put.push(files.len());
        files.push(renamed);
    }
    for n in 1..=few {
        let content = Content::Bytes(format!("added on the second day: {n}").into());
        day.put.push(files.len());
        files.push(File { key: format!("added/day 2+{n}.txt"), content });
    }
    Ok(day)
}

impl File {
    /// Its bytes.
    pub fn bytes(&self) -> Result<Bytes, Error> {
        match &self.content {
            Content::At(path) => Ok(std::fs::read(path)?.into()),
            Content::Bytes(bytes) => Ok(bytes.clone()),
        }
    }
}

/// The files that git tracks in this repository, and an object under each painful key.
pub fn repository_and_painful_keys() -> Result<Vec<File>, Error> {
    let root = crate::repository();
    let listed = Command::new("git").arg("-C").arg(&root).args(["ls-files", "-z"]).output()?;
    if !listed.status.success() {
        return Err("git does not list this repository's files here: name a folder with --from DIR".into());
    }
    let mut files: Vec<File> = String::from_utf8(listed.stdout)?
        .split_terminator('\0')
        .map(|name| File { key: name.to_owned(), content: Content::At(root.join(name)) })
        .filter(|file| matches!(&file.content, Content::At(path) if path.is_file()))
        .collect();
    for (n, key) in PAINFUL_KEYS.iter().enumerate() {
        let content = Bytes::from(format!("{n}: {key}\n").repeat(n));
        files.push(File { key: (*key).to_owned(), content: Content::Bytes(content) });
    }
    Ok(files)
}
