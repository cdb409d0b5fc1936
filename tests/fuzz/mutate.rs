//! Inputs made of others: always the same ones for the same name.

/// What specifications give a meaning to, and what has broken parsers before.
const WORDS: &[&str] = &[
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\u{202e}",
    "\u{feff}",
    "\0",
    "\r\n",
    "\n\n",
    "{",
    "}",
    "[",
    "[[[[[[[[",
    "{\"a\":",
    "null",
    "true",
    "-1",
    "1e999",
    "9007199254740993",
    "99999999999999999999",
    "0.1",
    "<",
    "<form>",
    "<input type=password>",
    "</script>",
    "&#0;",
    "<!--",
    "]]>",
    "%00",
    "%",
    "%ff",
    "+",
    "=",
    ";",
    ",",
    "://",
    "javascript:",
    "http://[",
    "https://login.example.com",
    "#",
    "?",
    "..",
    "error",
    "error=\"",
    "Bearer ",
    "charset=utf-16",
    "max-age=",
    "retry-after: ",
    "location: ",
    "set-cookie: ",
    "é",
    "𝒳",
    "eyJhbGciOiJub25lIn0",
    ".",
    "..",
    "0",
    "65536",
    "-0",
    "\t",
    " ",
    "\u{7f}",
    "\u{1b}[2J",
];

/// See the module. (splitmix64, so that a failure comes again wherever it runs.)
pub struct Mutator {
    state: u64,
    canary: String,
}

impl Mutator {
    /// For a name; `canary` is mixed in now and then.
    pub fn new(name: &str, canary: &str) -> Self {
        let state = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { state, canary: canary.to_owned() }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % (end.max(1) as u64)) as usize
    }

    /// Bytes without any meaning.
    pub fn noise(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most);
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// One input: mostly of the first `own` seeds.
    pub fn input(&mut self, seeds: &[Vec<u8>], own: usize) -> Vec<u8> {
        let from = if self.below(8) == 0 { seeds.len() } else { own };
        let at = self.below(from);
        let mut input = seeds[at].clone();
        for _ in 0..=self.below(6) {
            let other = self.below(seeds.len());
            self.mutate(&mut input, &seeds[other]);
        }
        input.truncate(256 * 1024);
        input
    }

    /// One change.
    pub fn mutate(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(input.len() + 1);
        let end = (at + 1 + self.below(32)).min(input.len());
        match self.below(11) {
            0 => input.truncate(at),
            1 => drop(input.drain(at.min(end)..end)),
            2 if at < input.len() => input[at] ^= 1 << self.below(8),
            3 if at < input.len() => input[at] = self.next() as u8,
            4 => insert(input, at, WORDS[self.below_words()].as_bytes()),
            5 => {
                let canary = self.canary.clone();
                insert(input, at, canary.as_bytes());
            }
            6 => {
                let part = input[at.min(end)..end].to_vec();
                for _ in 0..1 << self.below(9) {
                    insert(input, at, &part);
                }
            }
            7 => {
                let noise = self.noise(64);
                insert(input, at, &noise);
            }
            8 => {
                let (from, to) = (self.below(other.len() + 1), self.below(other.len() + 1));
                insert(input, at, &other[from.min(to)..from.max(to)]);
            }
            9 => {
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => {
                let word = WORDS[self.below_words()].as_bytes().repeat(1 + self.below(300));
                insert(input, at, &word);
            }
        }
    }

    fn below_words(&mut self) -> usize {
        self.below(WORDS.len())
    }
}

fn insert(input: &mut Vec<u8>, at: usize, what: &[u8]) {
    if input.len() + what.len() <= 512 * 1024 {
        input.splice(at..at, what.iter().copied());
    }
}
