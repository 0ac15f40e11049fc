//! The dependency descriptor (AV1 RTP specification, appendix A): which frames refer to which, for
//! any codec. Only what shedding frames needs is read.

use super::Layer;

/// Templates that an id of six bits can name.
const MAX_TEMPLATES: usize = 64;
/// Fixed part: start, end, template id, frame number.
const FIXED_LEN: usize = 3;
/// Values of `next_layer_idc`.
const SAME_LAYER: u32 = 0;
const NEXT_TEMPORAL: u32 = 1;
const NEXT_SPATIAL: u32 = 2;
/// Decode target indications.
const NOT_PRESENT: u32 = 0;
const DISCARDABLE: u32 = 1;
const SWITCH: u32 = 2;

/// The templates of a stream, as its latest structure has them.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    offset: u8,
    /// Empty until a structure has come.
    layers: Vec<Layer>,
}

impl Templates {
    /// Reads a descriptor. `None` if it is malformed or its template is not known.
    pub fn read(&mut self, descriptor: &[u8]) -> Option<Layer> {
        let fixed: &[u8; FIXED_LEN] = descriptor.first_chunk()?;
        let template = fixed[0] & 0x3f;
        let mut bits = Bits { bytes: &descriptor[FIXED_LEN..], at: 0 };
        // Which of the five optional parts follow: the structure comes first.
        if descriptor.len() > FIXED_LEN && bits.take(5)? & 0b1_0000 != 0 {
            self.read_structure(&mut bits)?;
        }
        let index = (template + MAX_TEMPLATES as u8 - self.offset) % MAX_TEMPLATES as u8;
        self.layers.get(usize::from(index)).copied()
    }

    fn read_structure(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        self.layers.clear();
        self.offset = bits.take(6)? as u8;
        let targets = bits.take(5)? + 1;
        let mut temporal = 0;
        loop {
            if self.layers.len() == MAX_TEMPLATES {
                self.layers.clear();
                return None;
            }
            self.layers.push(Layer { temporal, ..Layer::default() });
            match bits.take(2)? {
                SAME_LAYER => {}
                NEXT_TEMPORAL => temporal += 1,
                NEXT_SPATIAL => temporal = 0,
                _ => break,
            }
        }
        for layer in &mut self.layers {
            let (mut discardable, mut switch) = (true, false);
            for _ in 0..targets {
                let indication = bits.take(2)?;
                discardable &= matches!(indication, NOT_PRESENT | DISCARDABLE);
                switch |= indication == SWITCH;
            }
            layer.discardable = discardable;
            layer.sync = switch && layer.temporal > 0;
        }
        Some(())
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0, |value, _| {
            let byte = *self.bytes.get(self.at / 8)?;
            let bit = byte >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(value << 1 | u32::from(bit))
        })
    }
}
