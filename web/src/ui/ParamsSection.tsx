/** The run's parameters, as it describes them. */
import { currentParams } from '../state/runState';
import { useDash } from './context';
import { Section, Skeleton } from './Panel';
import { ParamField } from './ParamField';
import { useSteering } from './useSteering';

export function ParamsSection() {
  const info = useDash((state) => state.info);
  const { why } = useSteering();
  if (info === null) {
    return (
      <Section title="Parameters" id="panel-parameters">
        <Skeleton lines={4} />
      </Section>
    );
  }
  const params = Object.entries(info.params ?? {});
  const values = currentParams(info);
  return (
    <Section title="Parameters" id="panel-parameters">
      {params.length === 0 ? (
        <p className="hint">This run offers no parameters.</p>
      ) : (
        <div className="params">
          {why !== null && <p className="hint">{why}.</p>}
          {params.map(([name, param]) => (
            <ParamField
              key={name}
              name={name}
              param={param}
              current={values[name]}
              locked={why !== null}
            />
          ))}
        </div>
      )}
    </Section>
  );
}
