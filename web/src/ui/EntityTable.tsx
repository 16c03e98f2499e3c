/**
 * The entities as a table, in step with the scene: for people who do not see the scene, and for those who want numbers.
 *
 * The engine sends only the rows that are in sight, twice a second; what is scrolled past is empty room.
 */
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import type { TableRow } from '../engine/bridge';
import { formatCount, formatValue, humanise } from '../state/format';
import { useDash, useDashboard } from './context';

/** The same height as in `styles/table.css`. */
const ROW_PX = 28;
/** Rows before and after those in sight, so that scrolling finds them there. */
const SPARE = 12;
const FIRST_ROWS = 30;

export function EntityTable() {
  const dashboard = useDashboard();
  const table = useDash((state) => state.table);
  const selection = useDash((state) => state.summary?.selection ?? null);
  const [layer, setLayer] = useState<string | null>(null);
  const [first, setFirst] = useState(0);
  const [inSight, setInSight] = useState(FIRST_ROWS);
  const scroller = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const from = Math.max(0, first - SPARE);
    dashboard.send({ type: 'table', wish: { layer, from, rows: inSight + 2 * SPARE } });
  }, [dashboard, layer, first, inSight]);
  useEffect(() => () => dashboard.send({ type: 'table', wish: null }), [dashboard]);
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const observer = new ResizeObserver(() =>
      setInSight(Math.ceil(element.clientHeight / ROW_PX) + 1),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const move = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const element = scroller.current;
    if (by === undefined || element === null) return;
    const row = document.activeElement?.closest('tr');
    const next = by > 0 ? row?.nextElementSibling : row?.previousElementSibling;
    const button = next?.querySelector<HTMLElement>('button');
    if (button == null) return;
    event.preventDefault();
    button.focus();
  };

  if (table === null || table.layer === null) {
    return (
      <div className="entity-table" data-testid="entity-table" data-rows={0}>
        <p className="hint">No entities have come yet.</p>
      </div>
    );
  }
  const { rows, columns, total, from, layers } = table;
  const own = (row: TableRow): boolean =>
    selection?.id === row.id && selection.layer === table.layer;
  return (
    <div className="entity-table" data-testid="entity-table" data-rows={total}>
      <div className="table-head">
        <label>
          <span>Layer</span>
          <select
            value={table.layer}
            onChange={(event) => {
              setLayer(event.target.value);
              setFirst(0);
              if (scroller.current !== null) scroller.current.scrollTop = 0;
            }}
          >
            {layers.map((name) => (
              <option key={name} value={name}>
                {humanise(name)}
              </option>
            ))}
          </select>
        </label>
        <span className="muted">{formatCount(total)} rows</span>
      </div>
      {/* The arrow keys go from button to button; a region that scrolls hears them for all of its rows. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        ref={scroller}
        className="table-scroll"
        // A scrolling region must be reachable.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        role="group"
        aria-label="Entities"
        onScroll={(event) => setFirst(Math.floor(event.currentTarget.scrollTop / ROW_PX))}
        onKeyDown={move}
      >
        <table aria-rowcount={total + 1}>
          <thead>
            <tr aria-rowindex={1}>
              <th scope="col">Id</th>
              {columns.map(({ name, unit }) => (
                <th key={name} scope="col">
                  {humanise(name)}
                  {unit !== null && <small> {unit}</small>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <Room rows={from} />
            {rows.map((row, at) => (
              <tr key={row.id} aria-rowindex={from + at + 2} data-selected={own(row)}>
                <th scope="row">
                  <button
                    type="button"
                    aria-pressed={own(row)}
                    onClick={() =>
                      dashboard.send({ type: 'select', layer: table.layer, id: row.id })
                    }
                  >
                    {row.name}
                  </button>
                </th>
                {columns.map(({ name }, column) => {
                  const cell = row.cells[column];
                  return <td key={name}>{typeof cell === 'number' ? formatValue(cell) : cell}</td>;
                })}
              </tr>
            ))}
            <Room rows={total - from - rows.length} />
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** The room of rows that are not on the page. */
function Room({ rows }: { rows: number }) {
  if (rows <= 0) return null;
  return (
    <tr aria-hidden="true" className="room">
      {/* oxlint-disable-next-line jsx-a11y/control-has-associated-label */}
      <td style={{ height: rows * ROW_PX }} />
    </tr>
  );
}
