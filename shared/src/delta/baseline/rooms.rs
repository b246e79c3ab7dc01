//! Memory for the entries of a baseline that is read, which other threads get from the system meanwhile. Calls nothing of AWS.

use std::sync::atomic::AtomicU64;
use std::sync::mpsc::sync_channel;

use super::shard::Entries;

/// Entries of several shards that are kept together, at least: 4 MB. Of shards that outgrow it, the memory is given back when the last of them is gone, which is
/// how much of an old baseline there still is while the next one is made.
pub(super) const TOGETHER: usize = 1 << 21;

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
