//! The threads of a run: each reads several files in turn, block by block, so that their MD5s can be made side by side. Calls nothing of AWS.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::difference::Counts;
use super::error::DeltaError;
use super::lane::{Desk, Lane, Run};
use super::queue::{GROUP, Queue};

/// What the threads of a run share.
pub(super) struct Workers<'a> {
    run: Run<'a>,
    queue: &'a Queue,
    /// Files that are open, and that no thread is at.
    idle: Mutex<Vec<Idle<'a>>>,
    /// Files that a thread opens.
    most: usize,
}

struct Idle<'a> {
    lane: Box<Lane<'a>>,
    /// The thread that was at it last: what it takes to go on is near its processor.
    owner: usize,
}

/// What a thread is to do next.
enum Next<'a> {
    GoOn(Box<Lane<'a>>),
    /// None of these files may be read on now.
    Wait(Vec<usize>),
    Nothing,
}

/// Leaves the queue however the thread ends.
struct Member<'a>(&'a Queue);

impl Drop for Member<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop(usize::MAX, DeltaError::Thread);
        }
        self.0.leave();
    }
}

impl<'a> Workers<'a> {
    pub(super) fn new(run: Run<'a>, queue: &'a Queue, threads: usize) -> Self {
        let most = run.input.files.len().min(GROUP).div_ceil(threads);
        Self { run, queue, idle: Mutex::default(), most }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle<'a>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What thread `me` does.
    pub(super) fn work(&self, me: usize) -> Counts {
        let _member = Member(self.queue);
        let mut desk = Desk::new(self.run);
        while !self.queue.is_stopped() {
            if self.run.input.cancel.load(Ordering::Relaxed) {
                self.queue.stop(0, DeltaError::Cancelled);
                break;
            }
            match self.next(me) {
                Ok(Next::GoOn(lane)) => {
                    let index = lane.index;
                    if let Err(error) = self.go_on(me, lane, &mut desk) {
                        self.queue.stop(index, error);
                    }
                }
                Ok(Next::Wait(files)) => self.queue.wait_for_room(&files),
                Ok(Next::Nothing) => break,
                Err((index, error)) => self.queue.stop(index, error),
            }
        }
        desk.end(self.run).unwrap_or_else(|error| {
            self.queue.stop(0, error);
            Counts::default()
        })
    }

    /// A file of this thread's, or a new one; or one of another thread's, if there are no others.
    fn next(&self, me: usize) -> Result<Next<'a>, (usize, DeltaError)> {
        let mut idle = self.idle();
        let begin =
            || if idle.iter().filter(|idle| idle.owner == me).count() < self.most { self.queue.begin() } else { None };
        if let Some(index) = begin() {
            drop(idle);
            return Lane::open(self.run, index).map(|lane| Next::GoOn(Box::new(lane))).map_err(|error| (index, error));
        }
        // Of which most is left, so that all end at the same time.
        let all_begun = self.queue.has_begun_all();
        let mut files: Vec<_> = (0..idle.len()).filter(|i| idle[*i].owner == me || all_begun).collect();
        files.sort_by_key(|i| (idle[*i].owner != me, std::cmp::Reverse(idle[*i].lane.left())));
        let indexes: Vec<_> = files.iter().map(|i| idle[*i].lane.index).collect();
        Ok(match self.queue.first_with_room(&indexes) {
            Some(first) => Next::GoOn(idle.swap_remove(files[first]).lane),
            None if files.is_empty() => Next::Nothing,
            None => Next::Wait(indexes),
        })
    }

    /// A block of a file.
    fn go_on(&self, me: usize, mut lane: Box<Lane<'a>>, desk: &mut Desk<'a>) -> Result<(), DeltaError> {
        let index = lane.index;
        let (parcel, ended) = lane.step(desk)?;
        // Before anyone else can go on with the file, and be faster.
        self.queue.put(index, parcel, ended);
        if !ended {
            self.idle().push(Idle { lane, owner: me });
        }
        Ok(())
    }
}
