//! Memory for the entries of a baseline; of one that is read, other threads get it from the system meanwhile. Calls nothing of AWS.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use crate::fast;

/// The entries of a shard, of memory that several shards may share: rows meet entries anywhere, and in large pieces of memory the processor finds
/// its way faster. It is given back when the last of them is gone.
#[derive(Default)]
pub(super) struct Entries {
    memory: Arc<Vec<AtomicU64>>,
    place: std::ops::Range<usize>,
    /// Where the place of those begins that may stand behind it.
    room: usize,
}

/// Entries that may come to a shard before it needs other memory: so many for each.
const SPARE: usize = 128;

impl Entries {
    /// Room for shards of so many entries, and what may come to them: memory that the system has given, filled with nothing.
    pub(super) fn room(entries: usize) -> Vec<AtomicU64> {
        let mut memory = Vec::with_capacity(Self::with_spare(entries));
        fast::want_large_pages(memory.spare_capacity_mut());
        memory.resize_with(memory.capacity(), AtomicU64::default);
        memory
    }

    /// The room that so many entries take with what may come to them.
    fn with_spare(entries: usize) -> usize {
        entries + entries / SPARE
    }

    /// The place of the next shard's entries in such memory, of which so much is used.
    pub(super) fn cut_at<'m>(
        memory: &'m mut [AtomicU64],
        used: &mut usize,
        entries: usize,
    ) -> Option<&'m mut [AtomicU64]> {
        let start = std::mem::replace(used, *used + Self::with_spare(entries));
        memory.get_mut(start..start + entries)
    }

    /// Cuts memory that was filled into shards' parts, of these lengths.
    pub(super) fn cut(memory: Vec<AtomicU64>, lengths: impl Iterator<Item = usize>) -> impl Iterator<Item = Self> {
        let memory = Arc::new(memory);
        let mut start = 0;
        lengths.map(move |length| {
            let place = start..start + length;
            start += Self::with_spare(length);
            Self { memory: Arc::clone(&memory), place, room: start }
        })
    }

    /// The same memory with other entries, if it has room for them.
    pub(super) fn filled(&self, entries: &[u64]) -> Option<Self> {
        let place = self.place.start..self.place.start + entries.len();
        let room = self.memory.get(self.place.start..self.room)?.get(..entries.len())?;
        room.iter().zip(entries).for_each(|(place, entry)| place.store(*entry, Ordering::Relaxed));
        Some(Self { memory: Arc::clone(&self.memory), place, room: self.room })
    }
}

impl Deref for Entries {
    type Target = [AtomicU64];

    #[inline]
    fn deref(&self) -> &[AtomicU64] {
        self.memory.get(self.place.clone()).unwrap_or_default()
    }
}

impl From<Vec<AtomicU64>> for Entries {
    fn from(memory: Vec<AtomicU64>) -> Self {
        let (place, room) = (0..memory.len(), memory.len());
        Self { memory: Arc::new(memory), place, room }
    }
}

/// Entries of several shards that are kept together, at least: 16 MB, most of which is in large pages then. Of shards that outgrow it, the memory is given back when the last of them is gone, which is
/// how much of an old baseline there still is while the next one is made.
const TOGETHER: usize = 1 << 21;

/// Shards whose entries are kept together, one after the other: how many there are of all.
pub(super) struct Room {
    shards: usize,
    entries: usize,
}

/// In which rooms shards of so many entries are kept.
pub(super) fn rooms(shards: impl Iterator<Item = u64>) -> Vec<Room> {
    let mut rooms: Vec<Room> = Vec::new();
    for entries in shards {
        let entries = usize::try_from(entries).unwrap_or(usize::MAX);
        match rooms.last_mut() {
            Some(room) if room.entries < TOGETHER => {
                *room = Room { shards: room.shards + 1, entries: room.entries.saturating_add(entries) };
            }
            _ => rooms.push(Room { shards: 1, entries }),
        }
    }
    rooms
}

/// Does what is to be done with these rooms, one after the other, while other threads get memory for the next ones: most of the time that it takes to read a baseline, the
/// system clears pages.
pub(super) fn with_rooms<T>(rooms: &[Room], read: impl FnOnce(&mut dyn FnMut() -> Option<NextRoom>) -> T) -> T {
    if let [room] = rooms {
        // Not worth a thread.
        let mut room = Some(room);
        return read(&mut || room.take().map(|room| NextRoom::new(room.shards, Entries::room(room.entries))));
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(rooms.len());
    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..threads)
            .map(|first| {
                let (send, receive) = sync_channel(1);
                scope.spawn(move || {
                    let made = rooms.iter().skip(first).step_by(threads);
                    made.map(|room| Entries::room(room.entries)).try_for_each(|room| send.send(room))
                });
                receive
            })
            .collect();
        let mut next = rooms.iter().zip(makers.iter().cycle());
        read(&mut || {
            let (room, maker) = next.next()?;
            Some(NextRoom::new(room.shards, maker.recv().ok()?))
        })
    })
}

/// Memory for the entries of some shards.
pub(super) struct NextRoom {
    pub(super) shards: usize,
    pub(super) memory: Vec<AtomicU64>,
    /// How much of it is filled.
    pub(super) used: usize,
}

impl NextRoom {
    pub(super) fn new(shards: usize, memory: Vec<AtomicU64>) -> Self {
        Self { shards, memory, used: 0 }
    }
}
