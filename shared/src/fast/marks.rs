//! Where the fields and rows of a text are, if it is written as S3 writes it: every field in quotes, none with a quote within.

/// Where fields open. Its buffers are kept from one text to the next.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// The place of each quote that opens a field, in order; what stands after `count` of them means nothing. Such a quote is the first byte, or stands
    /// after a quote and a comma or line end. The end of the text counts as one.
    opens: Vec<u32>,
    count: usize,
    /// Of those, the ones after a line end.
    lines: usize,
    /// The first quote that is neither one of those nor the one that ends the field before it, or is both.
    odd: Option<u32>,
    pub(super) high: bool,
}

impl Marks {
    /// Goes through a text, of less than 2^32 bytes.
    pub(crate) fn find(&mut self, text: &[u8]) {
        self.find_by(super::mark, text);
    }

    /// By this way of going through blocks.
    pub(super) fn find_by(&mut self, mark: impl Fn(&[[u8; 64]], &mut Scan, &mut Self), text: &[u8]) {
        self.high = false;
        // Two quotes that open a field have two bytes between them, and the last of them and the end of the text one.
        let most = text.len() / 2 + 128;
        if self.opens.len() < most {
            self.opens = vec![0; most];
        }
        let (blocks, rest) = text.as_chunks::<64>();
        let mut tail = [[0; 64]];
        tail[0][..rest.len()].copy_from_slice(rest);
        tail[0][rest.len()] = b'"';
        let mut scan = Scan::new();
        mark(blocks, &mut scan, self);
        mark(&tail, &mut scan, self);
        scan.end(self);
    }

    /// How many rows of `width` fields the text has, and then perhaps the beginning of one more, if it is written as S3 writes it.
    pub(crate) fn rows(&self, text: &[u8], width: usize) -> Option<usize> {
        let ends = self.opens[..self.count].get(width..)?.iter().step_by(width).take(self.lines);
        let mut last = 0;
        let mut regular = self.opens.first() == Some(&0);
        let mut rows = 0;
        for end in ends {
            // If as many are after a line end as there are in all, no other is.
            regular &= text.get(*end as usize - 1) == Some(&b'\n');
            last = *end;
            rows += 1;
        }
        (regular && rows == self.lines && self.odd.is_none_or(|odd| odd >= last)).then_some(rows)
    }

    /// Where fields open. For a text of [`Self::rows`]: in steps of the rows' width, where rows begin.
    #[inline]
    pub(crate) fn opens(&self) -> &[u32] {
        &self.opens[..self.count]
    }

    /// Whether all of the text is ASCII.
    pub(crate) fn is_ascii(&self) -> bool {
        !self.high
    }
}

/// What 64 bytes are, a bit for each, the first byte's lowest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Block {
    pub(super) quotes: u64,
    pub(super) commas: u64,
    pub(super) line_ends: u64,
}

/// A text that is gone through, block by block.
pub(super) struct Scan {
    /// Where the block begins.
    at: u32,
    before: Block,
    /// Of the block before.
    opens: u64,
    count: usize,
    lines: usize,
    odd: Option<u32>,
}

impl Scan {
    fn new() -> Self {
        // The first byte is taken for one after a quote and a comma.
        let before = Block { quotes: 1 << 62, commas: 1 << 63, line_ends: 0 };
        Self { at: 0, before, opens: 0, count: 0, lines: 0, odd: None }
    }

    /// Where the block begins.
    #[inline]
    pub(super) fn at(&self) -> u32 {
        self.at
    }

    /// The quotes of a block that open a field.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "into what is compiled for the processor")]
    pub(super) fn add(&mut self, block: Block) -> u64 {
        let before = self.before;
        let line_ends = block.line_ends << 1 | before.line_ends >> 63;
        let commas = block.commas << 1 | before.commas >> 63;
        let opens = block.quotes & (commas | line_ends) & (block.quotes << 2 | before.quotes >> 62);
        self.lines += (opens & line_ends).count_ones() as usize;
        if self.at > 0 {
            self.check(opens);
        }
        (self.before, self.opens) = (block, opens);
        opens
    }

    /// Room for where these are, and for as many as a block may have.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "into what is compiled for the processor")]
    pub(super) fn places<'m>(&mut self, opens: u64, marks: &'m mut Marks) -> Option<&'m mut [u32; 64]> {
        let places = marks.opens.get_mut(self.count..)?.first_chunk_mut::<64>();
        self.count += opens.count_ones() as usize;
        places
    }

    /// Puts down where these are, of a block that begins at `at`.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "into what is compiled for the processor")]
    pub(super) fn place(mut opens: u64, at: u32, places: &mut [u32; 64]) {
        // Four at a time, whether there are as many or not: that needs no decision that could be guessed wrongly.
        for places in places.as_chunks_mut::<4>().0 {
            for place in places {
                *place = at + opens.trailing_zeros();
                opens &= opens.wrapping_sub(1);
            }
            if opens == 0 {
                break;
            }
        }
    }

    /// Goes on to the next block.
    #[inline]
    pub(super) fn pass(&mut self) {
        self.at += 64;
    }

    /// Whether each quote of the block before opens or ends a field, and not both; `next` are those that open one in the block after it.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "into what is compiled for the processor")]
    fn check(&mut self, next: u64) {
        let ends = self.opens >> 2 | next << 62;
        // The quote that ends the field before the first byte is in no block.
        let odd = self.before.quotes ^ (self.opens ^ ends);
        if odd != 0 && self.odd.is_none() {
            self.odd = Some(self.at - 64 + odd.trailing_zeros());
        }
    }

    fn end(mut self, marks: &mut Marks) {
        self.check(0);
        (marks.count, marks.lines, marks.odd) = (self.count, self.lines, self.odd);
    }
}
