//! ISA-L's decoder of gzip, given what it needs where that is: its crate's reader gives it 16 KB at a time, and at each call it moves a window of 64 KB. Only for
//! [`super`].

use std::io::{self, BufRead, Read};

use ::isal::isal_sys::igzip_lib::{
    ISAL_DECOMP_OK, ISAL_GZIP, inflate_state, isal_block_state_ISAL_BLOCK_FINISH as FINISHED, isal_inflate,
    isal_inflate_init, isal_inflate_reset,
};

/// What gzip files hold that come from `compressed`, one after the other. Their sums are checked.
pub(crate) struct Isal<R> {
    state: Box<inflate_state>,
    compressed: R,
}

// SAFETY: the state's pointers, to what was read and written last, are null between two calls; all else in it is numbers, and nothing of it is kept elsewhere.
unsafe impl<R: Send> Send for Isal<R> {}

impl<R> Isal<R> {
    pub(crate) fn new(compressed: R) -> Self {
        // SAFETY: it is made of numbers, and of pointers that may be null: all zeros is such a state.
        let mut state: Box<inflate_state> = unsafe { Box::new_zeroed().assume_init() };
        // SAFETY: a state that nobody else has.
        unsafe { isal_inflate_init(&raw mut *state) };
        state.crc_flag = ISAL_GZIP;
        Self { state, compressed }
    }

    pub(crate) fn get_ref(&self) -> &R {
        &self.compressed
    }

    pub(crate) fn get_mut(&mut self) -> &mut R {
        &mut self.compressed
    }
}

/// What came of a call.
struct Step {
    read: usize,
    written: usize,
    /// Of ISA-L's error, if it is one.
    code: i32,
}

fn inflate(state: &mut inflate_state, from: &[u8], into: &mut [u8]) -> Step {
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let (given, room) = (length(from.len()), length(into.len()));
    (state.avail_in, state.avail_out) = (given, room);
    // ISA-L only reads there, though it does not say so.
    (state.next_in, state.next_out) = (from.as_ptr().cast_mut(), into.as_mut_ptr());
    // SAFETY: the state was initialised; there are so many bytes to be read and to be written.
    let code = unsafe { isal_inflate(&raw mut *state) };
    (state.next_in, state.next_out) = (std::ptr::null_mut(), std::ptr::null_mut());
    let passed = |before: u32, after: u32| before.saturating_sub(after) as usize;
    Step { read: passed(given, state.avail_in), written: passed(room, state.avail_out), code }
}

impl<R: BufRead> Read for Isal<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !into.is_empty() {
            let compressed = self.compressed.fill_buf()?;
            let is_at_end = compressed.is_empty();
            if self.state.block_state == FINISHED {
                if is_at_end {
                    break;
                }
                // SAFETY: the state was initialised.
                unsafe { isal_inflate_reset(&raw mut *self.state) };
            }
            let Step { read, written, code } = inflate(&mut self.state, compressed, into);
            self.compressed.consume(read);
            if i64::from(code) != i64::from(ISAL_DECOMP_OK) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("ISA-L's error {code}")));
            }
            if written > 0 {
                return Ok(written);
            }
            // With nothing to do, it says for ever that all is well.
            if read == 0 && self.state.block_state != FINISHED {
                let kind = if is_at_end { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
                return Err(kind.into());
            }
        }
        Ok(0)
    }
}
