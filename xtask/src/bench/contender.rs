//! Who races: what each is called, what it runs, and where its answer lies.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::Reports;
use super::builds::{Build, Builds};
use crate::generate;

/// What a contender does, so that like is compared with like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only reads and inflates the second report.
    Floor,
    /// Ours, against a baseline.
    Baseline,
    /// Ours, reading both reports.
    Both,
    /// Another, comparing whole rows.
    Exact,
    /// Another, comparing hashes.
    Hashing,
    /// The same, but it reads the second report only: it is given the first one's hashes.
    GivenHashes,
}

/// Where the keys that a contender found stand.
#[derive(Debug, Clone)]
pub(super) enum Output {
    /// It finds nothing.
    None,
    /// One encoded key per line.
    Lines(PathBuf),
    /// The plan's CSV files in this folder.
    Plan(PathBuf),
}

/// One contender.
#[derive(Debug, Clone)]
pub(super) struct Contender {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The decompressor of one of our builds.
    pub(super) decoder: Option<&'static str>,
    /// Run once before the race, unmeasured: what it is given.
    pub(super) prepare: Option<Vec<OsString>>,
    pub(super) command: Vec<OsString>,
    /// Run in the first turn only: the slowest by far.
    pub(super) once: bool,
    /// Cleared before each run.
    pub(super) folder: PathBuf,
    pub(super) output: Output,
}

/// What a user would pick instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Peer {
    DuckdbExact,
    DuckdbHash,
    DuckdbPersisted,
    PolarsExact,
    ChdbExact,
    ChdbHash128,
    SortComm,
}

impl Peer {
    pub(super) const ALL: &[Self] = &[
        Self::DuckdbExact,
        Self::DuckdbHash,
        Self::DuckdbPersisted,
        Self::PolarsExact,
        Self::ChdbExact,
        Self::ChdbHash128,
        Self::SortComm,
    ];

    pub(super) fn needs_python(self) -> bool {
        self != Self::SortComm
    }

    /// As `benches/peers.py` knows it, what people call it, and what it does.
    fn described(self) -> (&'static str, &'static str, Kind) {
        match self {
            Self::DuckdbExact => ("duckdb-exact", "DuckDB, exact", Kind::Exact),
            Self::DuckdbHash => ("duckdb-hash", "DuckDB, 64-bit hash", Kind::Hashing),
            Self::DuckdbPersisted => ("duckdb-persisted", "DuckDB, given a file of 64-bit hashes", Kind::GivenHashes),
            Self::PolarsExact => ("polars-exact", "Polars, exact", Kind::Exact),
            Self::ChdbExact => ("chdb-exact", "chDB, exact", Kind::Exact),
            Self::ChdbHash128 => ("chdb-hash128", "chDB, 128-bit hash", Kind::Hashing),
            Self::SortComm => ("sort-comm", "`sort` and `comm`, exact", Kind::Exact),
        }
    }
}

/// All that the contenders' commands are made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) root: &'a Path,
    pub(super) reports: &'a Reports,
    pub(super) threads: usize,
    pub(super) builds: &'a Builds,
    pub(super) python: Option<&'a Path>,
}

impl Field<'_> {
    /// Every build and these peers.
    pub(super) fn contenders(&self, peers: &[Peer]) -> Vec<Contender> {
        let ours = self.builds.0.iter().flat_map(|build| [self.floor(build), self.baseline(build), self.both(build)]);
        ours.chain(peers.iter().map(|peer| self.peer(*peer))).collect()
    }

    /// What shows how time and memory grow.
    pub(super) fn scaled(&self) -> Vec<Contender> {
        self.builds.fastest().into_iter().flat_map(|build| [self.floor(build), self.baseline(build)]).collect()
    }

    fn floor(&self, build: &Build) -> Contender {
        let arguments: [&OsStr; 3] = ["floor".as_ref(), "--decoder".as_ref(), build.decoder.as_ref()];
        let mut command = vec![build.xtask.clone().into()];
        command.extend(arguments.map(OsString::from));
        command.extend(["--threads".into(), self.threads.to_string().into(), self.manifest(1)]);
        self.contender(format!("floor: {} alone", build.name), Kind::Floor, Some(build), command, Output::None)
    }

    fn baseline(&self, build: &Build) -> Contender {
        let made = self.reports.folder.join(format!("baseline-{}", build.decoder));
        let name = format!("**ours**, against its baseline, {}", build.name);
        let folder = self.folder(&name);
        let command = self.diff(build, made.join("baseline").into(), &folder);
        let mut contender = self.contender(name, Kind::Baseline, Some(build), command, Output::Plan(folder));
        // The first report against itself leaves the first report's baseline.
        contender.prepare = Some(self.diff_of(build, self.manifest(0), self.manifest(0), &made));
        contender
    }

    fn both(&self, build: &Build) -> Contender {
        let name = format!("**ours**, reading both reports, {}", build.name);
        let folder = self.folder(&name);
        let command = self.diff(build, self.manifest(0), &folder);
        self.contender(name, Kind::Both, Some(build), command, Output::Plan(folder))
    }

    fn diff(&self, build: &Build, before: OsString, out: &Path) -> Vec<OsString> {
        self.diff_of(build, before, self.manifest(1), out)
    }

    fn diff_of(&self, build: &Build, before: OsString, after: OsString, out: &Path) -> Vec<OsString> {
        let threads = self.threads.to_string().into();
        let delta = build.delta.clone().into();
        vec![
            delta,
            "diff".into(),
            before,
            after,
            "--out".into(),
            out.into(),
            "--threads".into(),
            threads,
            "--json".into(),
        ]
    }

    fn peer(&self, peer: Peer) -> Contender {
        let (id, name, kind) = peer.described();
        let folder = self.folder(id);
        let keys = folder.join("keys");
        let benches = self.root.join("benches");
        let program = |id: &str| match self.python {
            Some(python) if peer.needs_python() => vec![python.into(), benches.join("peers.py").into(), id.into()],
            _ => vec![benches.join("sort-comm").into()],
        };
        let hashes = self.reports.folder.join("hashes.parquet");
        let command = |id: &str, keys: &Path| {
            let mut command: Vec<OsString> = program(id);
            command.extend([self.manifest(0), self.manifest(1), keys.into(), self.threads.to_string().into()]);
            if peer == Peer::DuckdbPersisted {
                command.push(hashes.clone().into());
            }
            command
        };
        let mut contender =
            self.contender(name.to_owned(), kind, None, command(id, &keys), Output::Lines(keys.clone()));
        contender.folder = folder;
        contender.prepare = (peer == Peer::DuckdbPersisted).then(|| command("duckdb-prepare", &keys));
        contender.once = peer == Peer::SortComm;
        contender
    }

    fn contender(
        &self,
        name: String,
        kind: Kind,
        build: Option<&Build>,
        command: Vec<OsString>,
        output: Output,
    ) -> Contender {
        let folder = self.folder(&name);
        Contender {
            name,
            kind,
            decoder: build.map(|build| build.name),
            prepare: None,
            command,
            once: false,
            folder,
            output,
        }
    }

    /// A folder of its own for each contender.
    fn folder(&self, name: &str) -> PathBuf {
        let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        self.reports.folder.join("out").join(plain)
    }

    fn manifest(&self, which: usize) -> OsString {
        generate::manifest(&self.reports.folder, which).into()
    }
}
