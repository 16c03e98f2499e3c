/** The icons, drawn on a 16-unit grid. Decoration only: whatever they mean is also said in words. */
const PATHS = {
  pause: 'M5 3v10M11 3v10',
  play: 'M5 3l8 5-8 5z',
  stop: 'M4 4h8v8H4z',
  fit: 'M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4',
  follow: 'M8 1.5v3M8 11.5v3M1.5 8h3M11.5 8h3M8 12a4 4 0 100-8 4 4 0 000 8z',
  vectors: 'M2.5 13.5l10-10M6.5 3h6.5v6.5',
  sun: 'M8 11a3 3 0 100-6 3 3 0 000 6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13.5 9.5A6 6 0 016.5 2.5a6 6 0 107 7z',
  help: 'M6 6a2 2 0 113 1.7c-.7.4-1 .8-1 1.8M8 12v.2M8 15A7 7 0 108 1a7 7 0 000 14z',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  copy: 'M5.5 5.5h8v8h-8zM3 10.5H2.5v-8h8V3',
  check: 'M3 8.5l3.5 3.5L13 4.5',
  cross: 'M4 4l8 8M12 4l-8 8',
  clock: 'M8 4.5V8l2.5 1.5M8 15A7 7 0 108 1a7 7 0 000 14z',
  warning: 'M8 2L1.5 13.5h13zM8 6.5v3.5M8 11.8v.2',
  link: 'M1.5 6a9.5 9.5 0 0113 0M4 8.8a5.8 5.8 0 018 0M6.4 11.4a2.3 2.3 0 013.2 0M8 13.6v.1',
  broken: 'M1.5 6a9.5 9.5 0 0113 0M4 8.8a5.8 5.8 0 018 0M2 14L14 2',
  sliders: 'M2 4.5h7M12 4.5h2M2 11.5h2M7 11.5h7M10.5 3v3M5.5 10v3',
  chart: 'M2 13.5h12M3.5 10.5l3-4 3 2.5 4-6',
  list: 'M2 4h1M5.5 4H14M2 8h1M5.5 8H14M2 12h1M5.5 12H14',
  chevron: 'M4 10l4-4 4 4',
  eye: 'M1 8s2.5-4.5 7-4.5S15 8 15 8s-2.5 4.5-7 4.5S1 8 1 8zM8 10a2 2 0 100-4 2 2 0 000 4z',
  hidden: 'M1 8s2.5-4.5 7-4.5S15 8 15 8s-2.5 4.5-7 4.5S1 8 1 8zM2 14L14 2',
  flag: 'M3.5 14.5v-13h9l-2 3.5 2 3.5h-9',
  search: 'M7 12A5 5 0 107 2a5 5 0 000 10zM10.8 10.8L14.5 14.5',
  beside: 'M1.5 3h13v10h-13zM8 3v10',
  table: 'M1.5 3h13v10h-13zM1.5 6.5h13M1.5 10h13M6 3v10',
  trails: 'M2 13c1-5 4-2 6-5s2-4 3-5M12.5 2.5h.1',
  map: 'M1.5 3h13v10h-13zM8.5 7.5h6v5.5h-6z',
  step: 'M4 3l6 5-6 5zM13 3v10',
  retry: 'M13.5 8A5.5 5.5 0 118 2.5c2 0 3.6 1 4.6 2.5M13 1.5V5H9.5',
} as const;

export type IconName = keyof typeof PATHS;

const FILLED: ReadonlySet<IconName> = new Set(['play', 'stop']);

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill={FILLED.has(name) ? 'currentColor' : 'none'}
        stroke="currentColor"
        strokeWidth="1.6"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
