"""The closest of very many vectors to each other, looked for in the k-means cells nearest to it."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines._bounds import Vectors, unit_rows
from pipelines._overlap import COLUMNS, ROWS, Cells, Order, pieces, tensor
from pipelines._tiles import in_order, products

# Below every cosine.
_LOWEST = np.float32(-2)


class Near(NamedTuple):
    """Of rows the closest other one that was seen, and the product that says so; -1 and -2 where there is none."""

    rows: NDArray[np.int64]
    position: NDArray[np.int64]
    product: NDArray[np.float32]


class Rooms:
    """`vectors` in cells, and of each row the `most` cells nearest to it."""

    def __init__(self, vectors: Vectors, most: int) -> None:
        self._vectors, self._cells = vectors, Cells.of(vectors)
        self._near = self._cells.nearest_to(vectors, min(most, self._cells.number))
        self._homes = Order.of(self._near[:, :1], self._cells.number)

    def closest(self, rows: NDArray[np.int64], looked_in: int) -> NDArray[np.int64]:
        """The position of the closest other row to each of `rows`, of those in the `looked_in` cells nearest to it; of
        equally close ones the first, -1 where there is none."""
        # Asked about by their place among `rows`, which need not be all.
        asked = Order.of(self._near[rows, :looked_in], self._cells.number)
        best = Near(rows, np.full(len(rows), -1, dtype=np.int64), np.full(len(rows), _LOWEST))
        for found in in_order(lambda piece: self._search(asked, rows, *piece), pieces(self._homes, asked)):
            at = found.rows
            closer = (found.product > best.product[at]) | (
                (found.product == best.product[at]) & (found.position < best.position[at])
            )
            best.position[at[closer]], best.product[at[closer]] = found.position[closer], found.product[closer]
        return best.position

    def _search(self, asked: Order, rows: NDArray[np.int64], first: int, last: int) -> Near:
        """Of the places asked about in some cells the closest there."""
        found = []
        for cell in range(first, last):
            home, guests = self._homes.of_cell(cell), asked.of_cell(cell)
            for start in range(0, len(home), COLUMNS) if len(guests) else ():
                columns = home[start : start + COLUMNS]
                turned = tensor(unit_rows(self._vectors, columns)).T
                found += [
                    self._of_block(guests[at : at + ROWS], rows, columns, turned) for at in range(0, len(guests), ROWS)
                ]
        return _first_of_each(found)

    def _of_block(
        self, guests: NDArray[np.int64], rows: NDArray[np.int64], columns: NDArray[np.int64], turned: object
    ) -> Near:
        mine = rows[guests]
        sums = products(tensor(unit_rows(self._vectors, mine)), turned)
        # A row that lives here does not count for itself.
        at = np.minimum(np.searchsorted(columns, mine), len(columns) - 1)
        itself = np.flatnonzero(columns[at] == mine)
        sums[itself, at[itself]] = _LOWEST
        best = sums.argmax(axis=1)
        product = sums[np.arange(len(mine)), best]
        alone = product == _LOWEST
        return Near(guests[~alone], columns[best[~alone]], product[~alone])


def _first_of_each(found: Iterable[Near]) -> Near:
    """Each row once, with the closest of what was found for it, the first of equally close ones."""
    nothing = Near(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    rows, position, product = (np.concatenate(column) for column in zip(nothing, *found, strict=True))
    order = np.lexsort((position, -product, rows))
    _, first = np.unique(rows[order], return_index=True)
    chosen = order[first]
    return Near(rows[chosen], position[chosen], product[chosen])
