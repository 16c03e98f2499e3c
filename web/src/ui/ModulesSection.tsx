/** What the entities are (their `module` or `type`): every value with its colour in the scene and how many there are. */
import type { LayerSummary } from '../engine/bridge';
import { css, PALETTES } from '../engine/render/palette';
import { formatCount, humanise } from '../state/format';
import { useDash } from './context';
import { Section } from './Panel';

export function ModulesSection() {
  const layers = useDash((state) => state.summary?.layers ?? NONE);
  const byType = useDash((state) => state.summary?.colour === 'type');
  const grouped = layers.filter(
    ({ role, groups }) => role === 'entities' && (groups?.values.length ?? 0) > 0,
  );
  if (grouped.length === 0) return null;
  return (
    <Section title="Modules">
      {grouped.map((layer) => (
        <Groups key={layer.name} layer={layer} coloured={byType} />
      ))}
    </Section>
  );
}

const NONE: readonly LayerSummary[] = [];

function Groups({ layer, coloured }: { layer: LayerSummary; coloured: boolean }) {
  const theme = useDash((state) => state.theme);
  const types = useDash((state) => state.summary?.types);
  const { groups } = layer;
  if (groups == null) return null;
  const palette = PALETTES[theme].types;
  const colourOf = (value: string, index: number): string => {
    const told = types?.find((type) => type.name === value)?.colour;
    const own = palette[index % palette.length];
    return told ?? (own === undefined ? 'transparent' : css(own));
  };
  return (
    <>
      <h3 className="group-title">
        {humanise(layer.name)} <small>{groups.column}</small>
      </h3>
      <ul className="groups" data-testid={`groups-${layer.name}`}>
        {groups.values.map(({ value, count, index }) => (
          <li key={value}>
            <i
              data-coloured={coloured}
              style={coloured ? { background: colourOf(value, index) } : {}}
            />
            <span>{value === '' ? 'none' : value}</span>
            <b>{formatCount(count)}</b>
          </li>
        ))}
      </ul>
    </>
  );
}
