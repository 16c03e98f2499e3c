/** All commands, and every entity by its id, from the keyboard: type, choose with the arrows, Enter. */
import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react';
import { humanise } from '../state/format';
import type { Workspace } from '../state/workspace';
import { commandsFor, type Command } from './commands';
import { useDash, useDashboard } from './context';
import type { PageActions } from './useKeys';

export type PaletteMode = 'commands' | 'entities';

const MOST_ENTITIES = 12;
/** Not every letter is worth a search. */
const FIND_AFTER_MS = 60;

export function Palette(props: {
  mode: PaletteMode;
  workspace: Workspace;
  actions: PageActions;
  onClose: () => void;
}) {
  const { mode, workspace, actions, onClose } = props;
  const dashboard = useDashboard();
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [query, setQuery] = useState('');
  const [at, setAt] = useState(0);
  const id = useId();
  const found = useDash((state) => state.found);

  useEffect(() => {
    const element = dialog.current;
    if (element !== null && !element.open) element.showModal();
  }, []);
  useEffect(() => {
    const timer = setTimeout(
      () => dashboard.send({ type: 'find', query, limit: MOST_ENTITIES }),
      FIND_AFTER_MS,
    );
    return () => clearTimeout(timer);
  }, [dashboard, query]);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: 'nearest' });
  }, [at]);

  const words = query.trim().toLowerCase();
  const commands = mode === 'commands' ? commandsFor(dashboard, workspace, actions) : [];
  const matching = commands.filter((command) => fits(command, words));
  const entities: Command[] =
    words === '' || found.query !== query
      ? []
      : found.matches.map(({ layer, id: entity, name }) => ({
          title: name,
          hint: humanise(layer),
          run() {
            dashboard.send({ type: 'select', layer, id: entity });
            dashboard.send({ type: 'follow', on: true });
          },
        }));
  const choices = [...matching, ...entities];
  const chosen = Math.min(at, choices.length - 1);

  const take = (command: Command | undefined): void => {
    if (command === undefined || command.why != null) return;
    dialog.current?.close();
    // After the dialog has gone: a command may open another, or move the focus.
    command.run();
  };
  const key = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined && choices.length > 0) {
      event.preventDefault();
      setAt((chosen + by + choices.length) % choices.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      take(choices[chosen]);
    }
  };
  const title = mode === 'commands' ? 'Commands and entities' : 'Find an entity';
  return (
    <dialog ref={dialog} className="palette" aria-label={title} onClose={onClose}>
      <input
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={chosen < 0 ? undefined : `${id}-${chosen}`}
        aria-label={title}
        aria-autocomplete="list"
        autoComplete="off"
        spellCheck={false}
        placeholder={mode === 'commands' ? 'Type a command or an id' : 'Type an id'}
        data-testid="palette"
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setAt(0);
        }}
        onKeyDown={key}
      />
      <div ref={list} id={id} className="choices" role="listbox" aria-label={title} tabIndex={-1}>
        {choices.map((command, index) => (
          // The keys are handled by the field, which keeps the focus.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
          <div
            key={`${command.hint ?? ''} ${command.title}`}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            aria-disabled={command.why != null}
            onClick={() => take(command)}
          >
            <span>{command.title}</span>
            {command.why != null ? (
              <small>{command.why}</small>
            ) : command.keys === undefined ? (
              <small>{command.hint}</small>
            ) : (
              <kbd>{command.keys}</kbd>
            )}
          </div>
        ))}
      </div>
      {choices.length === 0 && (
        <p className="hint">
          {words === '' ? 'Type a part of an id, such as 12.' : 'Nothing has that in its name.'}
        </p>
      )}
    </dialog>
  );
}

function fits({ title }: Command, words: string): boolean {
  const text = title.toLowerCase();
  return words.split(/\s+/).every((word) => text.includes(word));
}
