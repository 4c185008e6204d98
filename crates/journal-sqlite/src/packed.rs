//! The bytes of a row of the log, and of a segment: records one after the other, each behind its length.
//!
//! ```text
//! offset  size  field
//!      0     4  length of the first record, little-endian
//!      4     …  the first record
//!      …        and so on to the end
//! ```

use std::sync::Arc;

/// Pack a run's records.
pub(crate) fn pack(records: &[Arc<[u8]>]) -> Vec<u8> {
    let bytes: usize = records.iter().map(|record| 4 + record.len()).sum();
    let mut packed = Vec::with_capacity(bytes);
    for record in records {
        let length = u32::try_from(record.len()).expect("a run is bounded");
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(record);
    }
    packed
}

/// The records; `None` in place of the first that is cut short, and nothing after it.
pub(crate) fn unpack(packed: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = packed;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let record = split_record(rest);
        rest = record.map_or(&[][..], |(_, after)| after);
        Some(record.map(|(record, _)| record))
    })
}

fn split_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        let records: Vec<Arc<[u8]>> = vec![b"one".as_slice().into(), b"".as_slice().into(), vec![7; 300].into()];
        let packed = pack(&records);
        let unpacked: Vec<_> = unpack(&packed).collect();
        assert_eq!(unpacked, records.iter().map(|record| Some(&**record)).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_cut_short_is_noticed() {
        let packed = pack(&[b"one".as_slice().into(), b"two".as_slice().into()]);
        for length in 1..packed.len() {
            let whole = length == 7;
            assert_eq!(unpack(&packed[..length]).all(|record| record.is_some()), whole, "{length}");
        }
        let mut absurd = packed;
        absurd[3] = 0xff;
        assert_eq!(unpack(&absurd).collect::<Vec<_>>(), [None]);
    }
}
