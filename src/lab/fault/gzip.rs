//! A body that is small on the wire and large beyond it (RFC 1951, RFC 1952).

use flate2::{Compress, Compression, Crc, FlushCompress};

const MEBIBYTE: usize = 1 << 20;

/// `mebibytes` of blanks and then `body`, as gzip. One piece of blanks is compressed and repeated: a full flush ends on a
/// whole byte and leaves nothing to refer back to.
pub(super) fn bomb(mebibytes: u64, body: &[u8]) -> Vec<u8> {
    let blanks = vec![b' '; MEBIBYTE];
    let piece = deflate(&blanks, FlushCompress::Full);
    let (mut of_blanks, mut sum) = (Crc::new(), Crc::new());
    of_blanks.update(&blanks);
    // ID1, ID2, deflate, no flags, no time, no extra flags, unknown system.
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for _ in 0..mebibytes {
        out.extend_from_slice(&piece);
        sum.combine(&of_blanks);
    }
    let mut of_body = Crc::new();
    of_body.update(body);
    sum.combine(&of_body);
    out.extend_from_slice(&deflate(body, FlushCompress::Finish));
    out.extend_from_slice(&sum.sum().to_le_bytes());
    out.extend_from_slice(&sum.amount().to_le_bytes());
    out
}

fn deflate(data: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 1024);
    // Without a zlib header. The buffer is large enough for what does not get smaller.
    let _ = Compress::new(Compression::fast(), false).compress_vec(data, &mut out, flush);
    out
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn it_unpacks_to_blanks_and_the_body() {
        let packed = bomb(3, b"{\"a\": 1}");
        assert!(packed.len() < 32 * 1024, "{}", packed.len());
        let mut unpacked = Vec::new();
        GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked.len(), 3 * MEBIBYTE + 8);
        assert!(unpacked.ends_with(b" {\"a\": 1}"));
    }
}
