import { Box, FolderUp, GitBranch, Sparkles } from 'lucide-react';
import { Card } from '../ui/card';
import { Panels } from '../ui/tabs';
import type { Draft, From, Kind } from './draft';
import { Drop } from './drop';
import { Examples } from './examples';
import { FromGit } from './git';
import { FromImage } from './image';
import type { Detection } from './operations';

const all: Kind[] = ['WEB', 'WORKER', 'STATIC_SITE', 'CRON'];

// kindsOf are what a service can be that comes from there.
export const kindsOf = (from: From): Kind[] => (from === 'image' ? all.filter((k) => k !== 'STATIC_SITE') : all);

type Props = {
  draft: Draft;
  change: (part: Partial<Draft>) => void;
  onFrom: (from: From) => void;
  onPrivateImage: () => void;
  detection: Detection | undefined;
  onDetection: (d: Detection | undefined) => void;
};

// WhereFrom asks where a service comes from.
export const WhereFrom = ({ draft, change, onFrom, onPrivateImage, detection, onDetection }: Props) => (
  <Card>
    <Panels
      label="Where it comes from"
      value={draft.from}
      onChoose={onFrom}
      tabs={[
        { value: 'git', title: <><GitBranch aria-hidden /> Git</>, body: <div className="flex flex-col gap-4"><FromGit draft={draft} change={change} detection={detection} onDetection={onDetection} /></div> },
        { value: 'upload', title: <><FolderUp aria-hidden /> Folder</>, body: <Drop source={draft.upload} onSource={(upload) => { change({ upload }); }} /> },
        { value: 'image', title: <><Box aria-hidden /> Image</>, body: <FromImage image={draft.image} onImage={(image) => { change({ image }); }} onPrivate={onPrivateImage} /> },
        { value: 'example', title: <><Sparkles aria-hidden /> Example</>, body: <Examples chosen={draft.example} onChoose={change} /> },
      ]}
    />
  </Card>
);
