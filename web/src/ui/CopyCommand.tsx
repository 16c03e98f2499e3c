/** The two commands that publish a first frame, ready to copy. */
import { useState } from 'react';
import { Icon } from './icons';

export function firstFrameCommand(run: string): string {
  return [
    `redis-cli SADD lc:runs ${run}`,
    `redis-cli XADD 'lc:{${run}}:in:high' '*' kind frame enc json \\`,
    `  data '{"step":1,"time_s":0.1,"layers":{"points":{"id":[1,2],"x":[0,10],"y":[0,5]}}}'`,
  ].join('\n');
}

export function CopyCommand({ run = 'hello' }: { run?: string }) {
  const [copied, setCopied] = useState<'no' | 'yes' | 'failed'>('no');
  const command = firstFrameCommand(run);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(command);
      setCopied('yes');
    } catch {
      // Browsers forbid this on origins that are not secure; the text can still be selected.
      setCopied('failed');
    }
    setTimeout(() => setCopied('no'), 2000);
  };
  const words = { no: 'Copy', yes: 'Copied', failed: 'Select and copy' }[copied];
  return (
    <div className="command">
      <pre>{command}</pre>
      <button type="button" className="button" onClick={() => void copy()}>
        <Icon name={copied === 'yes' ? 'check' : 'copy'} />
        {words}
      </button>
    </div>
  );
}
