//! A sample program: a grid of cells.

#[derive(Debug, Clone, PartialEq)]
struct Grid {
    width: usize,
    height: usize,
    cells: Vec<u8>,
}

impl Grid {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, cells: vec![0; width * height] }
    }

    fn index(&self, x: usize, y: usize) -> usize {
        assert!(x < self.width && y < self.height, "({x}, {y}) is outside");
        y * self.width + x
    }

    fn get(&self, x: usize, y: usize) -> u8 {
        self.cells[self.index(x, y)]
    }

    fn set(&mut self, x: usize, y: usize, value: u8) {
        let index = self.index(x, y);
        self.cells[index] = value;
    }

    fn transposed(&self) -> Self {
        let mut other = Self::new(self.height, self.width);
        for y in 0..self.height {
            for x in 0..self.width {
                other.set(y, x, self.get(x, y));
            }
        }
        other
    }

    fn n_neighbours(&self, x: usize, y: usize) -> usize {
        let mut n = 0;
        for ny in y.saturating_sub(1)..=(y + 1).min(self.height - 1) {
            for nx in x.saturating_sub(1)..=(x + 1).min(self.width - 1) {
                if (nx, ny) != (x, y) && self.get(nx, ny) > 0 {
                    n += 1;
                }
            }
        }
        n
    }

    fn row(&self, y: usize) -> &[u8] {
        let start = y * self.width;
        &self.cells[start..start + self.width]
    }

    fn brightest(&self) -> Option<(usize, usize)> {
        let (at, _) = self.cells.iter().enumerate().max_by_key(|(_, value)| **value)?;
        Some((at % self.width, at / self.width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new(3, 2);
        grid.set(2, 1, 9);
        grid.set(0, 0, 4);
        grid
    }

    #[test]
    fn a_row_is_as_wide_as_the_grid() {
        assert_eq!((grid().row(0), grid().row(1)), (&[4, 0, 0][..], &[0, 0, 9][..]));
    }

    #[test]
    fn transposing_exchanges_rows_and_columns() {
        let other = grid().transposed();
        assert_eq!((other.width, other.height, other.get(1, 2)), (2, 3, 9));
        assert_eq!(other.transposed(), grid());
    }

    #[test]
    fn neighbours_are_counted_up_to_the_edges() {
        assert_eq!((grid().n_neighbours(1, 0), grid().n_neighbours(2, 1), grid().n_neighbours(0, 0)), (2, 0, 0));
    }

    #[test]
    fn the_brightest_cell_is_found() {
        assert_eq!(grid().brightest(), Some((2, 1)));
    }
}
