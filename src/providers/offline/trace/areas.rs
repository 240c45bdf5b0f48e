//! The map of which pixel has which colour, cleaned of specks, and the outlines
//! of its areas. Not for curves or SVG text: that is the tracer's part.

use image::RgbaImage;

use crate::providers::offline::paint::palette::{Rgb, nearest_colours};

/// Index of a colour, `None` where the picture is transparent.
type Label = Option<u8>;

/// Places for counting labels: up to 12 colours, and transparency.
const TALLY: usize = 13;

pub(super) type Point = (f32, f32);

/// Labels of the reduced copy, row by row.
pub(super) struct Areas {
    width: usize,
    height: usize,
    labels: Vec<Label>,
}

impl Areas {
    pub(super) fn read(small: &RgbaImage, colours: &[Rgb]) -> Self {
        let nearest = nearest_colours(small, colours);
        let labels = small
            .pixels()
            .zip(nearest)
            .map(|(pixel, index)| if pixel[3] < 128 || colours.is_empty() { None } else { Some(index) })
            .collect();
        Self { width: small.width() as usize, height: small.height() as usize, labels }
    }

    pub(super) fn is_opaque(&self) -> bool {
        self.labels.iter().all(Option::is_some)
    }

    fn label_at(&self, column: usize, row: usize) -> Label {
        if column >= self.width || row >= self.height {
            return None;
        }
        self.labels.get(row * self.width + column).copied().flatten()
    }

    fn neighbours(&self, index: usize) -> impl Iterator<Item = usize> + use<> {
        let (column, count, width) = (index % self.width, self.labels.len(), self.width);
        let left = (column > 0).then(|| index - 1);
        let right = (column + 1 < width).then_some(index + 1);
        let below = Some(index + width).filter(|at| *at < count);
        [left, right, index.checked_sub(width), below].into_iter().flatten()
    }

    /// Gives pixels with fewer than three of their eight neighbours alike the
    /// label most common around them. This removes the one-pixel rims of mixed
    /// colour that anti-aliasing leaves, and keeps the corners of larger areas.
    pub(super) fn smooth(&mut self) {
        let before = Self { width: self.width, height: self.height, labels: self.labels.clone() };
        for (index, slot) in self.labels.iter_mut().enumerate() {
            let (column, row) = (index % before.width, index / before.width);
            let mut around = [0_u8; TALLY];
            let mut alike = 0;
            for beside in row.saturating_sub(1)..(row + 2).min(before.height) {
                for near in column.saturating_sub(1)..(column + 2).min(before.width) {
                    let label = before.label_at(near, beside);
                    if label == *slot {
                        alike += 1;
                    } else {
                        tally(&mut around, label);
                    }
                }
            }
            // The pixel itself is among those alike.
            if alike <= 3
                && let Some(label) = find_winner(&around)
            {
                *slot = label;
            }
        }
    }

    /// Gives every area smaller than `limit` the colour most common around it.
    pub(super) fn absorb_specks(&mut self, limit: usize) {
        let mut seen = vec![false; self.labels.len()];
        for start in 0..self.labels.len() {
            if seen.get(start).copied().unwrap_or(true) {
                continue;
            }
            let (members, around) = self.collect_area(start, &mut seen);
            if members.len() >= limit {
                continue;
            }
            if let Some(label) = find_winner(&around) {
                for member in members {
                    if let Some(slot) = self.labels.get_mut(member) {
                        *slot = label;
                    }
                }
            }
        }
    }

    /// The connected area at `start`, and how often each label borders it.
    fn collect_area(&self, start: usize, seen: &mut [bool]) -> (Vec<usize>, [u32; TALLY]) {
        let label = self.labels.get(start).copied().flatten();
        let mut around = [0; TALLY];
        let mut members = Vec::new();
        let mut open = vec![start];
        if let Some(flag) = seen.get_mut(start) {
            *flag = true;
        }
        while let Some(index) = open.pop() {
            members.push(index);
            for next in self.neighbours(index) {
                let other = self.labels.get(next).copied().flatten();
                if other != label {
                    tally(&mut around, other);
                } else if let Some(flag) = seen.get_mut(next)
                    && !*flag
                {
                    *flag = true;
                    open.push(next);
                }
            }
        }
        (members, around)
    }

    /// Per label the median of its pixels, which unlike the mean is a colour
    /// that is really there and not one shifted by blurred rims.
    pub(super) fn find_typical(&self, small: &RgbaImage, count: usize) -> Vec<Rgb> {
        let median = |label: u8, channel: usize| {
            let mut counts = [0_u32; 256];
            let matching = small.pixels().zip(&self.labels).filter(|(_, found)| **found == Some(label));
            for (pixel, _) in matching {
                let value = pixel.0.get(channel).copied().unwrap_or(0);
                if let Some(slot) = counts.get_mut(usize::from(value)) {
                    *slot += 1;
                }
            }
            let half = counts.iter().sum::<u32>() / 2;
            let mut passed = 0;
            let reached = counts.iter().position(|number| {
                passed += number;
                passed > half
            });
            reached.unwrap_or(0) as u8
        };
        (0_u8..).take(count).map(|label| [median(label, 0), median(label, 1), median(label, 2)]).collect()
    }

    /// Colours in use, the largest area first: later ones lie on top.
    pub(super) fn order_by_size(&self, colours: &[Rgb]) -> Vec<(u8, Rgb)> {
        let size = |label: u8| self.labels.iter().filter(|found| **found == Some(label)).count();
        let mut order: Vec<(usize, u8, Rgb)> =
            (0_u8..).zip(colours).map(|(label, colour)| (size(label), label, *colour)).collect();
        order.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
        order.into_iter().filter(|(size, _, _)| *size > 0).map(|(_, label, colour)| (label, colour)).collect()
    }

    /// Closed outlines of all areas with this label, as middles of pixel sides.
    ///
    /// Every side between inside and outside becomes a directed step with the
    /// inside on its right; following steps from vertex to vertex gives loops.
    pub(super) fn outline(&self, label: u8) -> Vec<Vec<Point>> {
        let across = self.width + 1;
        // Per vertex, one bit for each direction a step leaves: E, S, W, N.
        let mut steps = vec![0_u8; across * (self.height + 1)];
        let is_inside = |column: usize, row: usize| self.label_at(column, row) == Some(label);
        for row in 0..self.height {
            for column in 0..self.width {
                if !is_inside(column, row) {
                    continue;
                }
                let vertex = row * across + column;
                let mut leave = |at: usize, direction: u8| {
                    if let Some(bits) = steps.get_mut(at) {
                        *bits |= 1 << direction;
                    }
                };
                if row == 0 || !is_inside(column, row - 1) {
                    leave(vertex, 0);
                }
                if !is_inside(column + 1, row) {
                    leave(vertex + 1, 1);
                }
                if !is_inside(column, row + 1) {
                    leave(vertex + across + 1, 2);
                }
                if column == 0 || !is_inside(column - 1, row) {
                    leave(vertex + across, 3);
                }
            }
        }
        let mut outlines = Vec::new();
        for start in 0..steps.len() {
            while steps.get(start).is_some_and(|bits| *bits != 0) {
                outlines.push(self.follow(&mut steps, start));
            }
        }
        outlines
    }

    /// Walks one loop, taking its steps away. Turning right first keeps areas
    /// that touch only at a corner apart.
    fn follow(&self, steps: &mut [u8], start: usize) -> Vec<Point> {
        let across = self.width + 1;
        let mut points = Vec::new();
        let mut at = start;
        let mut heading = steps.get(start).map_or(0, |bits| bits.trailing_zeros() as u8);
        while let Some(bits) = steps.get_mut(at) {
            let Some(direction) =
                [1, 0, 3, 2].iter().map(|turn| (heading + turn) % 4).find(|way| *bits >> way & 1 == 1)
            else {
                break;
            };
            *bits &= !(1 << direction);
            let (x, y) = ((at % across) as f32, (at / across) as f32);
            let (next, middle) = match direction {
                0 => (at + 1, (x + 0.5, y)),
                1 => (at + across, (x, y + 0.5)),
                2 => (at.saturating_sub(1), (x - 0.5, y)),
                _ => (at.saturating_sub(across), (x, y - 0.5)),
            };
            points.push(self.keep_corner(middle));
            (at, heading) = (next, direction);
            if at == start {
                break;
            }
        }
        points
    }

    /// Outlines along the picture's own edge are pushed a little outwards, so
    /// that cutting corners leaves no gap in the corners of the picture.
    fn keep_corner(&self, (x, y): Point) -> Point {
        let push = |value: f32, end: usize| {
            if value <= 0.0 {
                -1.0
            } else if value >= end as f32 {
                end as f32 + 1.0
            } else {
                value
            }
        };
        (push(x, self.width), push(y, self.height))
    }
}

/// Counts a label; transparency has the last place.
fn tally<N: std::ops::AddAssign + From<u8>>(counts: &mut [N; TALLY], label: Label) {
    if let Some(count) = counts.get_mut(label.map_or(TALLY - 1, usize::from)) {
        *count += N::from(1);
    }
}

/// The label with the most votes, the later of equals; `None` without votes.
fn find_winner<N: Copy + Ord + Default>(counts: &[N; TALLY]) -> Option<Label> {
    let (place, votes) = (0_u8..).zip(counts).max_by_key(|(_, count)| **count)?;
    (*votes > N::default()).then(|| if usize::from(place) + 1 == TALLY { None } else { Some(place) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Areas from text: a digit is a label, a space is transparent.
    fn read(rows: &[&str]) -> Areas {
        let labels = rows.iter().flat_map(|row| row.bytes()).map(|byte| byte.checked_sub(b'0')).collect();
        Areas { width: rows[0].len(), height: rows.len(), labels }
    }

    #[test]
    fn an_outline_has_one_point_per_pixel_side() {
        let areas = read(&["0000", "0110", "0110", "0000"]);
        let inner = areas.outline(1);
        assert_eq!(inner.iter().map(Vec::len).collect::<Vec<_>>(), [8]);
        // The ground has an outer edge of 16 sides and a hole of 8.
        let mut around: Vec<usize> = areas.outline(0).iter().map(Vec::len).collect();
        around.sort_unstable();
        assert_eq!(around, [8, 16]);
    }

    #[test]
    fn areas_touching_at_a_corner_stay_apart() {
        let areas = read(&["0011", "0011", "1100", "1100"]);
        assert_eq!(areas.outline(1).len(), 2);
    }

    #[test]
    fn specks_and_rims_join_what_surrounds_them() {
        let mut areas = read(&["00000", "00100", "00000", "22222", "22222"]);
        areas.absorb_specks(2);
        assert!(areas.outline(1).is_empty());
        let mut rim = read(&["00000000", "00000000", "33333333", "11111111", "11111111"]);
        rim.smooth();
        assert!(rim.outline(3).is_empty() && rim.is_opaque());
        let mut clear = read(&["    ", " 0  ", "    "]);
        clear.absorb_specks(2);
        assert!(clear.outline(0).is_empty() && !clear.is_opaque());
    }
}
