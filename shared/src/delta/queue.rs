//! Rows on their way from the threads that read files to the sink, which takes them file by file. Calls nothing of AWS.
//!
//! What is queued is bounded for each file. The files are begun in order, and the first one that is not finished is being emptied, so
//! whoever reads it can always go on: nobody waits in a circle.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::error::DeltaError;
use crate::inventory::Span;

/// Bytes of rows that may wait for each file, before it is not read on.
const ROOM: usize = 1 << 20;

/// Where a row goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Changed,
    LeftOut(u8),
}

/// A row of a parcel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) to: To,
    /// Where it stands in the parcel's text.
    pub(super) place: Span,
    /// Which row of its file it is.
    pub(super) number: u64,
}

/// Some rows of a file, as they stood there.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    pub(super) text: Vec<u8>,
    pub(super) items: Vec<Item>,
}

impl Parcel {
    pub(super) fn add(&mut self, to: To, raw: &[u8], number: u64) {
        let start = self.text.len();
        self.text.extend_from_slice(raw);
        self.items.push(Item { to, place: Span::new(start, self.text.len()), number });
    }
}

/// What the sink's side is given.
pub(super) enum Next {
    Parcels(VecDeque<Parcel>),
    FileEnded,
    Stopped,
}

#[derive(Default)]
struct OfFile {
    parcels: VecDeque<Parcel>,
    bytes: usize,
    ended: bool,
}

struct State {
    files: Vec<OfFile>,
    /// The file to begin next.
    begin: usize,
    /// Why the run stops, and at which file.
    stopped: Option<(usize, DeltaError)>,
    /// The sink's side has given up.
    closed: bool,
    /// Threads that have not ended.
    threads: usize,
}

/// All files' queues.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Something for the sink's side.
    arrived: Condvar,
    /// Something for the readers' side.
    room: Condvar,
}

impl Queue {
    pub(super) fn new(files: usize, threads: usize) -> Self {
        let files = (0..files).map(|_| OfFile::default()).collect();
        let state = State { files, begin: 0, stopped: None, closed: false, threads };
        Self { state: Mutex::new(state), arrived: Condvar::new(), room: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next file that nobody has begun.
    pub(super) fn begin(&self) -> Option<usize> {
        let mut state = self.lock();
        let file = state.begin;
        if file == state.files.len() {
            return None;
        }
        state.begin += 1;
        Some(file)
    }

    /// Whether the run has been stopped by anyone.
    pub(super) fn is_stopped(&self) -> bool {
        let state = self.lock();
        state.closed || state.stopped.is_some()
    }

    /// Whether a file may be read on.
    pub(super) fn has_room(&self, file: usize) -> bool {
        self.lock().files[file].bytes < ROOM
    }

    /// Waits until one of these files may be read on.
    pub(super) fn wait_for_room(&self, files: &[usize]) {
        let mut state = self.lock();
        while !state.closed && state.stopped.is_none() && files.iter().all(|file| state.files[*file].bytes >= ROOM) {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn put(&self, file: usize, parcel: Parcel, ended: bool) {
        let mut state = self.lock();
        let of_file = &mut state.files[file];
        of_file.ended |= ended;
        if !parcel.items.is_empty() {
            of_file.bytes += parcel.text.len();
            of_file.parcels.push_back(parcel);
        } else if !ended {
            return;
        }
        self.arrived.notify_one();
    }

    /// Stops the run. Of several reasons, the first file's is kept.
    pub(super) fn stop(&self, file: usize, error: DeltaError) {
        let mut state = self.lock();
        if state.stopped.as_ref().is_none_or(|(other, _)| file < *other) {
            state.stopped = Some((file, error));
        }
        self.room.notify_all();
        self.arrived.notify_all();
    }

    /// A thread has ended.
    pub(super) fn leave(&self) {
        self.lock().threads -= 1;
        self.arrived.notify_all();
    }

    /// The sink's side gives up.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
    }

    /// Waits for rows of `file`.
    pub(super) fn take(&self, file: usize) -> Next {
        let mut state = self.lock();
        loop {
            if state.stopped.is_some() {
                return Next::Stopped;
            }
            let of_file = &mut state.files[file];
            if !of_file.parcels.is_empty() {
                of_file.bytes = 0;
                let parcels = std::mem::take(&mut of_file.parcels);
                self.room.notify_all();
                return Next::Parcels(parcels);
            }
            if of_file.ended {
                return Next::FileEnded;
            }
            // Nobody is left who could end it: a thread has died.
            if state.threads == 0 {
                return Next::Stopped;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Why the run was stopped, if it was.
    pub(super) fn into_error(self) -> Option<DeltaError> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).stopped.map(|(_, error)| error)
    }
}
