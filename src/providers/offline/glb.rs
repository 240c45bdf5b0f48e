//! Meshes and the binary glTF file they are kept in, for the offline provider's solids.
//!
//! For: one coloured mesh with normals and a physically based material, written as a GLB that any
//! viewer opens. Obeys glTF 2.0 (Khronos / ISO/IEC 12113), chapter 4 for the container.
//!
//! Not for: textures, animation, several nodes, compression, or reading files.

use serde_json::json;

/// A point, direction or linear colour.
pub type Triple = [f32; 3];

/// Longest note kept in the file, in characters: it is a label, not a document.
const NOTE_CHARS: usize = 400;
/// glTF component type of a 32-bit index and of a float.
const TYPE_U32: u32 = 5125;
const TYPE_F32: u32 = 5126;
/// glTF component type of a 16-bit colour: eight bits would band, as glTF colours are linear.
const TYPE_U16: u32 = 5123;

/// A mesh of triangles, counter-clockwise seen from outside, one normal and colour per vertex.
pub struct Mesh {
    /// Positions in metres, y upwards.
    pub positions: Vec<Triple>,
    /// Unit normals.
    pub normals: Vec<Triple>,
    /// Linear colours from 0 to 1.
    pub colours: Vec<Triple>,
    /// Vertex numbers, three per triangle.
    pub triangles: Vec<[u32; 3]>,
    /// 0 for plastic or stone, 1 for metal.
    pub metallic: f32,
    /// 0 for a mirror, 1 for chalk.
    pub roughness: f32,
}

impl Mesh {
    /// Writes the file; `note` goes into `asset.extras` beside `placeholder: true`.
    pub fn write_glb(&self, name: &str, note: &str) -> Vec<u8> {
        let vertices = self.positions.len();
        let mut binary = Vec::with_capacity(vertices * 32 + self.triangles.len() * 12);
        for triple in self.positions.iter().chain(&self.normals) {
            binary.extend(triple.iter().flat_map(|value| value.to_le_bytes()));
        }
        for [r, g, b] in &self.colours {
            for value in [*r, *g, *b, 1.0] {
                binary.extend(((value.clamp(0.0, 1.0) * 65535.0).round() as u16).to_le_bytes());
            }
        }
        for index in self.triangles.iter().flatten() {
            binary.extend(index.to_le_bytes());
        }
        let mut header = self.describe(name, note, binary.len()).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(4), b' ');
        let total = 12 + 8 + header.len() + 8 + binary.len();
        let mut file = Vec::with_capacity(total);
        file.extend(b"glTF");
        file.extend(2u32.to_le_bytes());
        file.extend((total as u32).to_le_bytes());
        file.extend((header.len() as u32).to_le_bytes());
        file.extend(b"JSON");
        file.extend(header);
        file.extend((binary.len() as u32).to_le_bytes());
        file.extend(b"BIN\0");
        file.extend(binary);
        file
    }

    fn describe(&self, name: &str, note: &str, binary_bytes: usize) -> serde_json::Value {
        let vertices = self.positions.len();
        let note: String = note.chars().take(NOTE_CHARS).collect();
        let (lowest, highest) = self.bounds();
        let colours_at = vertices * 24;
        let indices_at = vertices * 32;
        json!({
            "asset": {
                "version": "2.0",
                "generator": "Atelier offline provider",
                "extras": { "placeholder": true, "note": note },
            },
            "scene": 0,
            "scenes": [{ "nodes": [0] }],
            "nodes": [{ "mesh": 0, "name": name }],
            "meshes": [{ "name": name, "primitives": [{
                "attributes": { "POSITION": 0, "NORMAL": 1, "COLOR_0": 2 },
                "indices": 3,
                "material": 0,
            }] }],
            "materials": [{ "name": name, "pbrMetallicRoughness": {
                "metallicFactor": self.metallic,
                "roughnessFactor": self.roughness,
            } }],
            "accessors": [
                { "bufferView": 0, "componentType": TYPE_F32, "count": vertices, "type": "VEC3",
                  "min": lowest, "max": highest },
                { "bufferView": 1, "componentType": TYPE_F32, "count": vertices, "type": "VEC3" },
                { "bufferView": 2, "componentType": TYPE_U16, "normalized": true,
                  "count": vertices, "type": "VEC4" },
                { "bufferView": 3, "componentType": TYPE_U32, "count": self.triangles.len() * 3,
                  "type": "SCALAR" },
            ],
            "bufferViews": [
                { "buffer": 0, "byteOffset": 0, "byteLength": vertices * 12, "target": 34962 },
                { "buffer": 0, "byteOffset": vertices * 12, "byteLength": vertices * 12,
                  "target": 34962 },
                { "buffer": 0, "byteOffset": colours_at, "byteLength": vertices * 8,
                  "target": 34962 },
                { "buffer": 0, "byteOffset": indices_at, "byteLength": self.triangles.len() * 12,
                  "target": 34963 },
            ],
            "buffers": [{ "byteLength": binary_bytes }],
        })
    }

    /// The lowest and highest corner of the box around the mesh.
    pub fn bounds(&self) -> (Triple, Triple) {
        let mut corners = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
        for position in &self.positions {
            for ((low, high), value) in corners.0.iter_mut().zip(&mut corners.1).zip(position) {
                *low = low.min(*value);
                *high = high.max(*value);
            }
        }
        corners
    }
}

/// The sum of two triples.
pub fn add(a: Triple, b: Triple) -> Triple {
    let [[x, y, z], [u, v, w]] = [a, b];
    [x + u, y + v, z + w]
}

/// `a` without `b`.
pub fn subtract(a: Triple, b: Triple) -> Triple {
    add(a, b.map(|value| -value))
}

/// The cross product: at right angles to both.
pub fn cross(a: Triple, b: Triple) -> Triple {
    let [[x, y, z], [u, v, w]] = [a, b];
    [y * w - z * v, z * u - x * w, x * v - y * u]
}

/// The dot product.
pub fn dot(a: Triple, b: Triple) -> f32 {
    a.iter().zip(&b).map(|(x, y)| x * y).sum()
}

/// The same direction with length one; upwards where there is no direction.
pub fn normalize(a: Triple) -> Triple {
    let length = dot(a, a).sqrt();
    if length > 1e-12 { a.map(|value| value / length) } else { [0.0, 1.0, 0.0] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_lengths_add_up_and_the_note_is_kept() {
        let mesh = Mesh {
            positions: vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            normals: vec![[0.0, 0.0, 1.0]; 3],
            colours: vec![[0.5; 3]; 3],
            triangles: vec![[0, 1, 2]],
            metallic: 0.0,
            roughness: 1.0,
        };
        let file = mesh.write_glb("leaf", "made \"offline\"");
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((&file[..4], word(4), word(8)), (&b"glTF"[..], 2, file.len()));
        let header = word(12);
        assert_eq!(header % 4, 0);
        let json: serde_json::Value = serde_json::from_slice(&file[20..20 + header]).unwrap();
        assert_eq!(json["asset"]["extras"]["placeholder"], true);
        assert_eq!(json["asset"]["extras"]["note"], "made \"offline\"");
        assert_eq!(word(20 + header), file.len() - header - 28);
        assert_eq!(json["buffers"][0]["byteLength"], word(20 + header));
        assert_eq!(json["accessors"][0]["max"], json!([1.0, 1.0, 0.0]));
    }

    #[test]
    fn directions_have_length_one() {
        assert_eq!(normalize([0.0, 0.0, 9.0]), [0.0, 0.0, 1.0]);
        assert_eq!(normalize([0.0; 3]), [0.0, 1.0, 0.0]);
        assert_eq!(cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]), [0.0, 0.0, 1.0]);
    }
}
