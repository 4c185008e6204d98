//! The bytes of the attribute `r`: a run's records one after the other, each behind its length.
//!
//! ```text
//! offset  size  field
//!      0     4  length of the first record, little-endian
//!      4     …  the first record
//!      …        and so on to the end
//! ```

use std::sync::Arc;

/// What the length of one record takes.
pub(crate) const LENGTH: usize = 4;

/// Pack a run's records.
pub(crate) fn pack(records: &[Arc<[u8]>]) -> Vec<u8> {
    let bytes: usize = records.iter().map(|record| LENGTH + record.len()).sum();
    let mut packed = Vec::with_capacity(bytes);
    for record in records {
        let length = u32::try_from(record.len()).expect("a run is bounded");
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(record);
    }
    packed
}

/// The records; `None` if one is cut short.
pub(crate) fn unpack(mut packed: &[u8]) -> Option<Vec<&[u8]>> {
    let mut records = Vec::new();
    while !packed.is_empty() {
        let (length, rest) = packed.split_first_chunk::<LENGTH>()?;
        let (record, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        records.push(record);
        packed = rest;
    }
    Some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        let records: Vec<Arc<[u8]>> = vec![b"one".as_slice().into(), b"".as_slice().into(), vec![7; 300].into()];
        let packed = pack(&records);
        assert_eq!(unpack(&packed).unwrap(), records.iter().map(|record| &**record).collect::<Vec<_>>());
        assert_eq!(packed[..7], *b"\x03\0\0\0one", "as it is stored for ever");
    }

    #[test]
    fn what_is_cut_short_is_noticed() {
        let packed = pack(&[b"one".as_slice().into(), b"two".as_slice().into()]);
        for length in 1..packed.len() {
            assert_eq!(unpack(&packed[..length]).is_some(), length == 7, "{length}");
        }
        let mut absurd = packed;
        absurd[3] = 0xff;
        assert_eq!(unpack(&absurd), None);
    }
}
