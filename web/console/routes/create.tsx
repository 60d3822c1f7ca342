import { getRouteApi, Link } from '@tanstack/react-router';
import { CombinedError } from '@urql/core';
import { useState } from 'react';
import { useQuery } from 'urql';
import { refusal } from '../api/can';
import { useKept } from '../api/kept';
import { workspaceSlug } from '../api/session';
import { fresh, missing, nameOf, nothingSaid, type Draft, type From } from '../create/draft';
import { AddKey } from '../create/add-key';
import { Drop } from '../create/drop';
import { How } from '../create/how';
import { kindsOf, WhereFrom } from '../create/where-from';
import { createService, type Detection } from '../create/operations';
import { Sending } from '../create/sending';
import { StoreCredential } from '../create/store-credential';
import { createInput, useCreate } from '../create/use-create';
import { projectQuery } from '../project/query';
import { CopyAs } from '../shell/copy-as';
import { Button, buttonClass } from '../ui/button';
import { Card } from '../ui/card';
import { Checkbox, Field, Input, Textarea } from '../ui/field';
import { Page } from '../ui/page';
import { Problem } from '../ui/problem';
import { ProblemLine } from '../ui/problem-line';
import { Waiting } from '../ui/skeleton';
import { parseEnv } from '../variable/env-file';
import { NoEnvironment } from './no-environment';
import { NotFound } from './not-found';

const route = getRouteApi('/shell/create/$project');

// Create makes a service and leads straight to its first deployment.
export function Create() {
  const { project: slug } = route.useParams();
  const { env } = route.useSearch();
  const [{ data, error, fetching, stale }, refetch] = useQuery({
    query: projectQuery,
    variables: { workspace: workspaceSlug, project: slug },
    requestPolicy: 'cache-and-network', // an environment may be newer than what is known
  });
  const asking = fetching || stale;
  const project = useKept(slug, data?.project, asking || error !== undefined);
  const environments = project?.environments.nodes ?? [];
  const environment = env ? environments.find((e) => e.slug === env) : environments[0];
  const lacks = !project || (env && !environment);
  if (lacks && error) return <Page title="New service"><Problem error={error} onRetry={() => { refetch({ requestPolicy: 'network-only' }); }} /></Page>;
  if (lacks && asking) return <Page title="New service"><Waiting /></Page>;
  if (!project) return <NotFound />;
  if (env && !environment) return <NoEnvironment project={project} environment={env} />;
  return <Form project={project} environment={environment} />;
}

type FormProps = {
  project: { id: string; slug: string; name: string; can: { action: string; allowed: boolean; reason: string | null }[] };
  environment: { id: string; slug: string; name: string } | undefined;
};

function Form({ project, environment }: FormProps) {
  const [draft, setDraft] = useState<Draft>(fresh);
  const [looked, setDetection] = useState<Detection>();
  const [asking, setAsking] = useState(false); // what opens the image
  const [guessed, setGuessed] = useState(true); // nobody chose the kind
  const { run, go, later, busy, progress, problem, made } = useCreate({ projectId: project.id, project: project.slug, environmentId: environment?.id, env: environment?.slug });
  const change = (part: Partial<Draft>) => { setDraft((before) => ({ ...before, ...part })); };
  const detection = draft.from === 'git' ? looked : undefined;
  const onDetection = (d: Detection | undefined) => {
    setDetection(d);
    if (d && guessed) change({ kind: d.builder === 'STATIC' ? 'STATIC_SITE' : 'WEB' });
  };
  const onFrom = (from: From) => { change({ from, ...nothingSaid, kind: kindsOf(from).includes(draft.kind) ? draft.kind : 'WEB' }); };
  const env = parseEnv(draft.env);
  const sends = draft.from === 'upload' || draft.from === 'example';
  const search = environment ? { env: environment.slug } : {};
  const lacks = missing(draft) ?? env.problem;
  const trouble = problem instanceof CombinedError ? <ProblemLine error={problem} /> : problem && <p role="alert" className="text-bad">{problem.message}</p>;
  if (made?.publicKey) {
    return (
      <Page title="New service" hint={`In ${project.name}`}>
        <AddKey publicKey={made.publicKey} repository={draft.repository} busy={busy} onDeploy={() => void go()} onLater={() => void later()}>{trouble}</AddKey>
      </Page>
    );
  }
  return (
    <Page title="New service" hint={`In ${project.name}`}>
      <form
        noValidate
        className="flex max-w-2xl flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          if (!lacks && !busy) void run(draft, detection);
        }}
      >
        {made && draft.from === 'upload' && <Card title="Its files"><Drop source={draft.upload} onSource={(upload) => { change({ upload }); }} /></Card>}
        <fieldset disabled={made !== undefined} className="contents">
          {!(made && draft.from === 'upload') && (
            <WhereFrom draft={draft} change={change} onFrom={onFrom} onPrivateImage={() => { setAsking(true); }} detection={detection} onDetection={onDetection} />
          )}
          <Card title="How it runs" hint={detection ? 'As it was detected. What you change is sent, the rest stays so.' : 'What stays empty is as detected.'}>
            <div className="flex flex-col gap-4">
              <Field label="Name" hint="Also its host name, which never changes.">
                {(wiring) => <Input {...wiring} placeholder={(made?.slug ?? nameOf(draft)) || 'web'} value={draft.name} onChange={(event) => { change({ name: event.target.value }); }} />}
              </Field>
              <How
                draft={draft}
                change={(part) => {
                  if (part.kind) setGuessed(false);
                  change(part);
                }}
                detection={detection}
              />
            </div>
          </Card>
          <Card title="Variables" hint="More can be set later.">
            <div className="flex flex-col gap-3">
              <Field optional label=".env" error={env.problem}>
                {(wiring) => <Textarea {...wiring} rows={3} placeholder="NAME=VALUE, one a line" value={draft.env} onChange={(event) => { change({ env: event.target.value }); }} />}
              </Field>
              <Checkbox label="All of them are secret" checked={draft.secret} onChange={(event) => { change({ secret: event.target.checked }); }} />
            </div>
          </Card>
        </fieldset>
        {progress && <Sending progress={progress} />}
        {trouble}
        {made && sends && (
          <p className="text-muted">
            {made.slug} is made, and not deployed yet. All but its files is changed on <Link to="/projects/$project/$service" params={{ project: project.slug, service: made.slug }} search={search} className="text-accent-text hover:underline">its own page</Link> now.
          </p>
        )}
        <div className="flex flex-wrap items-center justify-end gap-3">
          <div className="mr-auto">
            {lacks ? <span className="text-[13px] text-faint">{lacks}</span> : !made && <CopyAs document={createService} variables={{ input: createInput(project.id, draft, detection) }} />}
          </div>
          <Link to="/projects/$project" params={{ project: project.slug }} search={search} className={buttonClass()}>Cancel</Link>
          <Button tone="primary" type="submit" busy={busy} disabled={Boolean(lacks)} refused={refusal(project.can, 'WRITE')}>
            {made ? 'Deploy' : draft.from === 'git' && draft.deployKey ? 'Create and make a key' : 'Create and deploy'}
          </Button>
        </div>
      </form>
      {asking && <StoreCredential image={draft.image} onClose={() => { setAsking(false); }} />}
    </Page>
  );
}
