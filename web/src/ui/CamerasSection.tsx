/** The run's cameras: one tile each, drawn straight from the engine's bitmaps. */
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { formatSimTime, humanise } from '../state/format';
import { useDashboard } from './context';
import { Section } from './Panel';

const CAPTION_EVERY_MS = 250;

export function CamerasSection(props: { open: boolean; onOpen: (open: boolean) => void }) {
  const { open, onOpen } = props;
  const { cameras } = useDashboard();
  const names = useSyncExternalStore(cameras.subscribe, cameras.names);
  if (names.length === 0) return null;
  return (
    <Section
      title="Cameras"
      aside={
        <button
          type="button"
          className="link-button"
          aria-expanded={open}
          data-testid="cameras-toggle"
          onClick={() => onOpen(!open)}
        >
          {open ? 'Hide' : `Show (${names.length})`}
        </button>
      }
    >
      {open ? (
        <div className="cameras" data-count={names.length}>
          {names.map((name) => (
            <CameraTile key={name} name={name} />
          ))}
        </div>
      ) : (
        <p className="hint">Pictures are not sent while they are hidden.</p>
      )}
    </Section>
  );
}

function CameraTile({ name }: { name: string }) {
  const { cameras } = useDashboard();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [caption, setCaption] = useState('');
  useEffect(() => {
    let drawn: ImageBitmap | null = null;
    let asked = 0;
    const draw = (): void => {
      asked = 0;
      const bitmap = cameras.newest(name)?.bitmap;
      const element = canvas.current;
      if (bitmap === undefined || element === null || bitmap === drawn) return;
      if (element.width !== bitmap.width || element.height !== bitmap.height) {
        element.width = bitmap.width;
        element.height = bitmap.height;
      }
      element.getContext('2d')?.drawImage(bitmap, 0, 0);
      drawn = bitmap;
    };
    // Once for a screen refresh, however many pictures come.
    const ask = (): void => {
      if (asked === 0) asked = requestAnimationFrame(draw);
    };
    ask();
    const stop = cameras.subscribe(ask);
    const timer = setInterval(() => {
      const image = cameras.newest(name);
      if (image === undefined) return;
      const skipped = image.skipped > 0 ? `, ${image.skipped} skipped` : '';
      setCaption(`${formatSimTime(image.timeS)}${skipped}`);
    }, CAPTION_EVERY_MS);
    return () => {
      stop();
      clearInterval(timer);
      cancelAnimationFrame(asked);
    };
  }, [cameras, name]);
  return (
    <figure className="camera" data-testid={`camera-${name}`}>
      <canvas ref={canvas} role="img" aria-label={`Camera ${humanise(name)}`} />
      <figcaption>
        <b>{humanise(name)}</b>
        <span>{caption}</span>
      </figcaption>
    </figure>
  );
}
