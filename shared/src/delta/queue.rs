//! Rows on their way from the threads that read files to the sink. Calls nothing of AWS.
//!
//! The sink takes them in turns: a parcel of each file of a group, then the next parcel of each. A parcel holds what a block of text has for
//! the sink, and blocks are cut alike on each run, so the order depends on the report alone, while all files of a group are read at once
//! and little has to wait.
//!
//! What waits is bounded. The file whose turn it is may always be read on, and all files of its group are open or will be, since files are
//! begun in order, as many as a group has, and those of the groups before it have ended: nobody waits in a circle.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::error::DeltaError;
use crate::inventory::Span;

/// Files that take turns.
pub(super) const GROUP: usize = 16;

/// Bytes of rows that may wait of the group whose turn it is, and as many of all others, before their files are not read on.
const ROOM: usize = 8 << 20;

/// Bytes of rows that are worth waking the sink's thread for.
const WORTH_WAKING: usize = 256 * 1024;

/// Bytes of rows for which a parcel has room from the first one on.
const ROOM_OF_A_FEW: usize = 4096;

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

/// The rows of a block that the sink gets, as they stood in the file.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    pub(super) text: Vec<u8>,
    pub(super) items: Vec<Item>,
}

impl Parcel {
    pub(super) fn add(&mut self, to: To, raw: &[u8], number: u64) {
        if self.items.is_empty() {
            // What a block mostly has for the sink, so that little is moved as it grows.
            self.text.reserve(ROOM_OF_A_FEW);
            self.items.reserve(ROOM_OF_A_FEW / 256);
        }
        let start = self.text.len();
        self.text.extend_from_slice(raw);
        // As in the file, so that it can be read again as fast.
        self.text.push(b'\n');
        self.items.push(Item { to, place: Span::new(start, self.text.len()), number });
    }

    /// Bytes that it takes while it waits.
    fn weight(&self) -> usize {
        size_of::<Self>() + self.text.len() + size_of_val(self.items.as_slice())
    }
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
    /// The file whose turn it is.
    turn: usize,
    /// Bytes of all files.
    bytes: usize,
    /// Of those, what the sink's thread was not woken for.
    unheard: usize,
    /// Why the run stops, and at which file.
    stopped: Option<(usize, DeltaError)>,
    /// The sink's side has given up.
    closed: bool,
    /// Threads that have not ended.
    threads: usize,
}

impl State {
    /// The group whose turn it is.
    fn group(&self) -> std::ops::Range<usize> {
        let start = self.turn / GROUP * GROUP;
        start..(start + GROUP).min(self.files.len())
    }

    fn has_room(&self, file: usize) -> bool {
        let of_group: usize = self.files[self.group()].iter().map(|file| file.bytes).sum();
        let waiting = if self.group().contains(&file) { of_group } else { self.bytes - of_group };
        file == self.turn || waiting < ROOM
    }

    /// The next parcel in order, if it has come.
    fn next(&mut self) -> Option<Parcel> {
        while let Some(file) = self.files.get_mut(self.turn) {
            let parcel = file.parcels.pop_front();
            if let Some(parcel) = &parcel {
                file.bytes -= parcel.weight();
                self.bytes -= parcel.weight();
            } else if !file.ended {
                return None;
            }
            self.pass_on();
            if parcel.is_some() {
                return parcel;
            }
        }
        None
    }

    /// Gives the turn to the next file of the group that has not ended, or to the next group.
    fn pass_on(&mut self) {
        let group = self.group();
        let others = (self.turn + 1..group.end).chain(group.start..=self.turn);
        let is_done = |file: &OfFile| file.ended && file.parcels.is_empty();
        self.turn = others.into_iter().find(|file| !is_done(&self.files[*file])).unwrap_or(group.end);
    }
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
        let state = State { files, begin: 0, turn: 0, bytes: 0, unheard: 0, stopped: None, closed: false, threads };
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

    /// Whether there is no file to begin.
    pub(super) fn has_begun_all(&self) -> bool {
        let state = self.lock();
        state.begin == state.files.len()
    }

    /// The first of these files that may be read on.
    pub(super) fn first_with_room(&self, files: &[usize]) -> Option<usize> {
        let state = self.lock();
        files.iter().position(|file| state.has_room(*file))
    }

    /// Waits until one of these files may be read on.
    pub(super) fn wait_for_room(&self, files: &[usize]) {
        let mut state = self.lock();
        while !state.closed && state.stopped.is_none() && !files.iter().any(|file| state.has_room(*file)) {
            self.wake(&mut state);
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wake(&self, state: &mut State) {
        state.unheard = 0;
        self.arrived.notify_one();
    }

    /// The next parcel of a file, also if there is nothing in it.
    pub(super) fn put(&self, file: usize, parcel: Parcel, ended: bool) {
        let mut state = self.lock();
        state.bytes += parcel.weight();
        state.unheard += parcel.weight();
        let of_file = &mut state.files[file];
        of_file.ended |= ended;
        of_file.bytes += parcel.weight();
        of_file.parcels.push_back(parcel);
        if ended || state.unheard >= WORTH_WAKING {
            self.wake(&mut state);
        }
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

    /// Waits for what comes next in order: nothing at the end of all files, or if the run was stopped.
    pub(super) fn take(&self) -> Result<Vec<Parcel>, Stopped> {
        let mut state = self.lock();
        loop {
            if state.stopped.is_some() {
                return Err(Stopped);
            }
            let mut parcels = Vec::new();
            while let Some(parcel) = state.next() {
                if !parcel.items.is_empty() {
                    parcels.push(parcel);
                }
            }
            self.room.notify_all();
            if !parcels.is_empty() || state.turn == state.files.len() {
                return Ok(parcels);
            }
            // Nobody is left who could go on: a thread has died.
            if state.threads == 0 {
                return Err(Stopped);
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Why the run was stopped, if it was.
    pub(super) fn into_error(self) -> Option<DeltaError> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).stopped.map(|(_, error)| error)
    }
}

/// The run was stopped.
pub(super) struct Stopped;

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(bytes: usize, number: u64) -> Parcel {
        let mut parcel = Parcel::default();
        parcel.add(To::Changed, &vec![b'x'; bytes], number);
        parcel
    }

    fn numbers(queue: &Queue) -> Vec<u64> {
        let parcels = queue.take().ok().unwrap();
        parcels.iter().flat_map(|parcel| &parcel.items).map(|item| item.number).collect()
    }

    #[test]
    fn parcels_come_in_turns_whenever_they_are_put() {
        let queue = Queue::new(GROUP + 1, 1);
        queue.put(GROUP, parcel(1, 99), true);
        queue.put(1, parcel(1, 10), false);
        queue.put(1, Parcel::default(), false);
        queue.put(1, parcel(1, 12), true);
        queue.put(0, parcel(1, 0), false);
        assert_eq!(numbers(&queue), [0, 10]);
        for file in 2..GROUP {
            queue.put(file, Parcel::default(), true);
        }
        queue.put(0, parcel(1, 1), false);
        queue.put(0, parcel(1, 2), false);
        assert_eq!(numbers(&queue), [1, 2, 12]);
        queue.put(0, parcel(1, 3), true);
        assert_eq!(numbers(&queue), [3, 99]);
        assert!(numbers(&queue).is_empty(), "the end");
        assert_eq!(queue.lock().bytes, 0);
    }

    /// With all rooms full, the file whose turn it is may be read on, and no other: nobody waits for ever, and nothing grows.
    #[test]
    fn what_waits_is_bounded_and_the_next_one_is_not_held_up() {
        let queue = Queue::new(2 * GROUP, 1);
        queue.put(5, parcel(ROOM, 5), false);
        let room =
            |queue: &Queue| (0..2 * GROUP).filter(|file| queue.first_with_room(&[*file]).is_some()).collect::<Vec<_>>();
        let others = (GROUP..2 * GROUP).collect::<Vec<_>>();
        assert_eq!(room(&queue), [vec![0], others].concat());
        queue.put(GROUP + 3, parcel(ROOM, 0), false);
        assert_eq!(room(&queue), [0]);
        for file in 0..5 {
            assert!(queue.first_with_room(&[file]).is_some());
            queue.put(file, parcel(1, file as u64), file > 2);
            let expected: &[u64] = if file < 4 { &[file as u64] } else { &[4, 5] };
            assert_eq!(numbers(&queue), expected);
        }
        assert_eq!(room(&queue), (0..GROUP).collect::<Vec<_>>(), "only the next group's is full now");
    }
}
