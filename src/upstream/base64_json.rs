//! Takes the file out of a JSON answer that carries one in base64, piece by piece: what such an answer weighs would fill
//! the memory of an isolate several times over.
//! Not for: checking JSON. What is around the file is parsed by whoever reads it.

/// What may stand around the file, in bytes; it is kept in memory.
const MAX_SKELETON_BYTES: usize = 64 * 1024;
/// `data:image/png;base64,` and what else media types may say.
const MAX_PREFIX_BYTES: usize = 256;
/// A field name that is longer is none of ours, escapes included.
const MAX_NAME_BYTES: usize = 256;
const DATA: &[u8] = b"data:";

/// A parser that is fed with pieces of a document, cut anywhere, and gives back the bytes of one file in it: the first
/// string that is not empty and is the value of a field with one of the given names, at any depth.
pub struct Unpacker {
    fields: &'static [&'static str],
    state: State,
    /// Of brackets and braces.
    depth: usize,
    /// The string that was read last, as it is written between its quotes; a colon makes it a field's name.
    name: Vec<u8>,
    /// The next value is one of the given fields'.
    is_wanted: bool,
    /// The document without the file.
    skeleton: Vec<u8>,
    has_file: bool,
    /// What the string begins with, until it is known whether that is a data URI.
    prefix: Vec<u8>,
    decoder: Decoder,
    fault: Option<Problem>,
}

/// Why there is no file, or not all of it. What was given out before is worth nothing, but for [`Fault::NoSuchField`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Malformed,
    /// The document ends before its end.
    CutOff,
    TooLarge,
    /// The whole document: it may say why.
    NoSuchField(String),
}

#[derive(Clone, Copy)]
enum Problem {
    Malformed,
    TooLarge,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Between,
    /// Inside a string that is copied.
    Text,
    TextEscape,
    /// Inside the file's string.
    File(Place),
    FileEscape(Place),
    /// Digits that are still to come, and what those before make.
    FileUnicode(Place, u8, u32),
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// It may still be a data URI.
    Start,
    /// Inside the part of a data URI before the comma.
    Prefix,
    Body,
}

impl Unpacker {
    pub fn new(fields: &'static [&'static str]) -> Self {
        Self {
            fields,
            state: State::Between,
            depth: 0,
            name: Vec::new(),
            is_wanted: false,
            skeleton: Vec::new(),
            has_file: false,
            prefix: Vec::new(),
            decoder: Decoder::default(),
            fault: None,
        }
    }

    /// The next piece of the document; gives what it has of the file.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(if self.is_in_body() { piece.len() / 4 * 3 + 3 } else { 0 });
        let mut rest = piece;
        while self.fault.is_none() {
            if self.is_in_body() {
                rest = self.decoder.take_quads(rest, &mut out);
            }
            let Some((byte, after)) = rest.split_first() else { break };
            rest = after;
            self.step(*byte, &mut out);
        }
        out
    }

    /// The document has ended; gives what is left of the file.
    pub fn end(&mut self) -> Vec<u8> {
        // The closing quote has given out everything already.
        Vec::new()
    }

    /// After [`Unpacker::end`]: the document with an empty string where the file was.
    pub fn skeleton(&self) -> Result<String, Fault> {
        let is_whole = self.state == State::Between && self.depth == 0 && !self.skeleton.is_empty();
        match self.fault {
            Some(Problem::Malformed) => Err(Fault::Malformed),
            Some(Problem::TooLarge) => Err(Fault::TooLarge),
            None if !is_whole => Err(Fault::CutOff),
            None => {
                let text = String::from_utf8_lossy(&self.skeleton).into_owned();
                if self.has_file { Ok(text) } else { Err(Fault::NoSuchField(text)) }
            }
        }
    }

    fn is_in_body(&self) -> bool {
        self.state == State::File(Place::Body)
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.state {
            State::Between => self.between(byte),
            State::Text | State::TextEscape => self.text(byte),
            State::File(place) => match byte {
                b'"' => self.close(place, out),
                b'\\' => self.state = State::FileEscape(place),
                _ => self.character(place, byte, out),
            },
            State::FileEscape(place) => match byte {
                b'/' => self.character(place, b'/', out),
                // Base64 as mail has it, in lines.
                b'n' | b'r' => {
                    self.has_file = true;
                    self.state = State::File(place);
                }
                b'u' => self.state = State::FileUnicode(place, 4, 0),
                _ => self.fail(Problem::Malformed),
            },
            State::FileUnicode(place, left, before) => {
                let Some(digit) = char::from(byte).to_digit(16) else { return self.fail(Problem::Malformed) };
                let code = before * 16 + digit;
                match (left, u8::try_from(code)) {
                    (2.., _) => self.state = State::FileUnicode(place, left - 1, code),
                    // `+` and `=` are written so by careful encoders.
                    (_, Ok(byte)) => self.character(place, byte, out),
                    _ => self.fail(Problem::Malformed),
                }
            }
        }
    }

    fn between(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.name.clear();
                self.state = if self.is_wanted { State::File(Place::Start) } else { State::Text };
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b':' => self.is_wanted = !self.has_file && self.is_field(),
            _ => self.is_wanted = false,
        }
        self.keep(byte);
    }

    fn text(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (State::TextEscape, _) => State::Text,
            (_, b'\\') => State::TextEscape,
            (_, b'"') => State::Between,
            _ => State::Text,
        };
        if self.state != State::Between && self.name.len() <= MAX_NAME_BYTES {
            self.name.push(byte);
        }
        self.keep(byte);
    }

    fn is_field(&self) -> bool {
        let is = |name: &str| self.fields.contains(&name);
        match std::str::from_utf8(&self.name) {
            Ok(plain) if !plain.contains('\\') => is(plain),
            Ok(escaped) => {
                serde_json::from_str::<String>(&format!("\"{escaped}\"")).is_ok_and(|name| is(&name))
            }
            Err(_) => false,
        }
    }

    fn character(&mut self, place: Place, byte: u8, out: &mut Vec<u8>) {
        self.has_file = true;
        self.state = State::File(place);
        match place {
            Place::Start => {
                self.prefix.push(byte);
                if !DATA.starts_with(&self.prefix) {
                    self.begin_body(out);
                } else if self.prefix.len() == DATA.len() {
                    self.state = State::File(Place::Prefix);
                }
            }
            Place::Prefix if byte == b',' => {
                self.state = State::File(Place::Body);
                if !self.prefix.ends_with(b";base64") {
                    self.fail(Problem::Malformed);
                }
            }
            Place::Prefix if self.prefix.len() >= MAX_PREFIX_BYTES => self.fail(Problem::Malformed),
            Place::Prefix => self.prefix.push(byte),
            Place::Body => self.decode(byte, out),
        }
    }

    /// It was no data URI: what was held back is of the file.
    fn begin_body(&mut self, out: &mut Vec<u8>) {
        self.state = State::File(Place::Body);
        for byte in std::mem::take(&mut self.prefix) {
            self.decode(byte, out);
        }
    }

    fn decode(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.decoder.take(byte, out).is_none() {
            self.fail(Problem::Malformed);
        }
    }

    fn close(&mut self, place: Place, out: &mut Vec<u8>) {
        match place {
            Place::Start => self.begin_body(out),
            Place::Prefix => return self.fail(Problem::Malformed),
            Place::Body => {}
        }
        self.state = State::Between;
        match self.decoder.end(out) {
            Some(()) => self.keep(b'"'),
            None => self.fail(Problem::Malformed),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.skeleton.len() == MAX_SKELETON_BYTES {
            return self.fail(Problem::TooLarge);
        }
        self.skeleton.push(byte);
    }

    fn fail(&mut self, problem: Problem) {
        self.fault = Some(problem);
    }
}

/// Of the standard alphabet (RFC 4648 section 4). Padding may be absent, but not too much.
#[derive(Default)]
struct Decoder {
    /// Six bits of each character of the present four.
    bits: u32,
    characters: u8,
    padding: u8,
}

impl Decoder {
    /// As many whole groups of four characters as there are, quickly; gives what is left.
    fn take_quads<'a>(&mut self, input: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let mut rest = input;
        while self.characters == 0
            && let Some((four, after)) = rest.split_first_chunk::<4>()
        {
            let [Some(a), Some(b), Some(c), Some(d)] = four.map(sextet) else { break };
            let [_, first, second, third] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
            out.extend([first, second, third]);
            rest = after;
        }
        rest
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) -> Option<()> {
        match byte {
            b'\n' | b'\r' => return Some(()),
            b'=' => self.padding += u8::from(self.padding < 3),
            _ if self.padding > 0 => return None,
            _ => {
                self.bits = self.bits << 6 | sextet(byte)?;
                self.characters += 1;
            }
        }
        if self.characters == 4 {
            let [_, first, second, third] = self.bits.to_be_bytes();
            out.extend([first, second, third]);
            (self.bits, self.characters) = (0, 0);
        }
        Some(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let last = match (self.characters, self.padding) {
            (0, 0) => 0,
            (2, 0..=2) => 1,
            (3, 0..=1) => 2,
            _ => return None,
        };
        let bits = self.bits << (6 * (4 - u32::from(self.characters)));
        out.extend(bits.to_be_bytes().iter().skip(1).take(last));
        Some(())
    }
}

const NONE: u8 = 64;

#[expect(clippy::indexing_slicing, reason = "it is the compiler that would panic")]
const SEXTETS: [u8; 256] = {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [NONE; 256];
    let mut index = 0;
    while index < 64 {
        table[ALPHABET[index] as usize] = index as u8;
        index += 1;
    }
    table
};

fn sextet(byte: u8) -> Option<u32> {
    SEXTETS.get(usize::from(byte)).copied().filter(|bits| *bits != NONE).map(u32::from)
}

#[cfg(test)]
mod tests;
