//! The MD5s of all files that are being read, made side by side. Calls nothing of AWS.
//!
//! Whoever reads a piece of a file leaves it here; whoever leaves the piece by which there is one of each file, sums up those.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::md5::{self, State};

/// Bytes of a piece: whole blocks of MD5. zlib-rs is faster if it has much at once.
pub(super) const PIECE: usize = 128 * 1024;

/// Pieces of each file that may wait, on average.
const WAITING: usize = 1;

/// A file that is summed up.
struct OfFile {
    file: usize,
    sum: State,
    /// What is left of the last piece, less than a block.
    rest: Vec<u8>,
    waiting: VecDeque<Arc<Vec<u8>>>,
    /// Somebody is at it.
    is_busy: bool,
}

#[derive(Default)]
struct Open {
    files: Vec<OfFile>,
    /// Pieces of all files.
    waiting: usize,
    /// Memory for pieces that nobody uses.
    spare: Vec<Vec<u8>>,
}

/// A piece that is summed up.
struct Job {
    file: usize,
    sum: State,
    piece: Arc<Vec<u8>>,
}

/// The MD5s of all files.
#[derive(Default)]
pub(super) struct Checksums {
    open: Mutex<Open>,
    /// A file is not busy any more.
    done: Condvar,
}

impl Checksums {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file is opened.
    pub(super) fn begin(&self, file: usize) {
        let (sum, rest, waiting) = (State::new(), Vec::new(), VecDeque::new());
        self.lock().files.push(OfFile { file, sum, rest, waiting, is_busy: false });
    }

    /// Memory for a piece.
    pub(super) fn room(&self) -> Vec<u8> {
        let mut room = self.lock().spare.pop().unwrap_or_default();
        room.resize(PIECE, 0);
        room
    }

    /// Takes back the memory of a piece, if nobody else needs it.
    pub(super) fn give_back(&self, piece: Arc<Vec<u8>>) {
        if let Some(memory) = Arc::into_inner(piece)
            && memory.capacity() > 0
        {
            self.lock().spare.push(memory);
        }
    }

    /// The next piece of a file, as long as [`PIECE`] unless it is the last.
    pub(super) fn add(&self, file: usize, piece: &Arc<Vec<u8>>) {
        let mut open = self.lock();
        let Some(of_file) = open.files.iter_mut().find(|of_file| of_file.file == file) else { return };
        of_file.waiting.push_back(Arc::clone(piece));
        open.waiting += 1;
        loop {
            let (there, is_full) = (open.there(), open.waiting > WAITING * open.files.len());
            if !is_full && there < open.files.len().min(md5::LANES) {
                return;
            }
            if there == 0 {
                // Others are at all of them: what they have is not to become ever more.
                open = self.done.wait(open).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let jobs = open.begin(None);
            drop(open);
            self.work_off(jobs);
            open = self.lock();
        }
    }

    /// The hex MD5 of a file, of which all pieces were added: `length` bytes.
    pub(super) fn end(&self, file: usize, length: u64) -> String {
        let mut open = self.lock();
        loop {
            let Some(index) = open.files.iter().position(|of_file| of_file.file == file) else { return String::new() };
            let of_file = &open.files[index];
            if of_file.is_busy {
                open = self.done.wait(open).unwrap_or_else(PoisonError::into_inner);
            } else if of_file.waiting.is_empty() {
                let OfFile { sum, rest, .. } = open.files.swap_remove(index);
                return sum.end(&rest, length);
            } else {
                let jobs = open.begin(Some(file));
                drop(open);
                self.work_off(jobs);
                open = self.lock();
            }
        }
    }

    fn work_off(&self, mut jobs: Vec<Job>) {
        // Of similar length side by side: the rest of longer ones is summed up alone.
        let mut lanes: Vec<_> = jobs.iter_mut().map(|job| (&mut job.sum, whole_blocks(&job.piece).0)).collect();
        lanes.sort_by_key(|(_, bytes)| bytes.len());
        md5::add_side_by_side(&mut lanes);
        let mut open = self.lock();
        for Job { file, sum, piece } in jobs {
            if let Some(of_file) = open.files.iter_mut().find(|of_file| of_file.file == file) {
                (of_file.sum, of_file.is_busy) = (sum, false);
                of_file.rest.extend_from_slice(whole_blocks(&piece).1);
            }
            open.spare.extend(Arc::into_inner(piece));
        }
        drop(open);
        self.done.notify_all();
    }
}

impl Open {
    /// Files of which a piece can be summed up now.
    fn there(&self) -> usize {
        self.files.iter().filter(|of_file| !of_file.is_busy && !of_file.waiting.is_empty()).count()
    }

    /// A piece of each file that has one and that nobody is at, of as many as can be summed up side by side; `file`'s among them.
    fn begin(&mut self, file: Option<usize>) -> Vec<Job> {
        self.files.sort_by_key(|of_file| (Some(of_file.file) != file, std::cmp::Reverse(of_file.waiting.len())));
        let mut jobs = Vec::new();
        for of_file in self.files.iter_mut().filter(|of_file| !of_file.is_busy) {
            if jobs.len() < md5::LANES
                && let Some(piece) = of_file.waiting.pop_front()
            {
                of_file.is_busy = true;
                jobs.push(Job { file: of_file.file, sum: of_file.sum, piece });
            }
        }
        self.waiting -= jobs.len();
        jobs
    }
}

/// The whole blocks of a piece, and what is left.
fn whole_blocks(piece: &[u8]) -> (&[u8], &[u8]) {
    piece.split_at(piece.len() / md5::BLOCK * md5::BLOCK)
}

#[cfg(test)]
mod tests {
    use ::md5::{Digest, Md5};

    use super::*;

    /// Files of many lengths, read on several threads, as fast as each can.
    #[test]
    fn each_file_has_its_own_md5() {
        let sums = Checksums::default();
        let lengths = [0, 1, 63, 64, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 100, 20 * PIECE, 3 * PIECE];
        let content = |file: usize, at: usize| u8::try_from((file + at * at / 7) % 251).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let sums = &sums;
                scope.spawn(move || {
                    for (file, length) in lengths.iter().cycle().take(40).enumerate().skip(thread * 10).take(10) {
                        sums.begin(file);
                        let bytes: Vec<u8> = (0..*length).map(|at| content(file, at)).collect();
                        for part in bytes.chunks(PIECE) {
                            let mut room = sums.room();
                            room.truncate(part.len());
                            room.copy_from_slice(part);
                            let piece = Arc::new(room);
                            sums.add(file, &piece);
                            sums.give_back(piece);
                        }
                        assert_eq!(sums.end(file, bytes.len() as u64), hex::encode(Md5::digest(&bytes)), "{length}");
                    }
                });
            }
        });
        let open = sums.lock();
        assert!(open.files.is_empty() && open.waiting == 0);
        // Of four files: those that wait, and as many more as threads leave at once; those that are summed up; those that are read.
        assert!(open.spare.len() <= 4 * (WAITING + 3), "{} pieces were there at once", open.spare.len());
    }
}
