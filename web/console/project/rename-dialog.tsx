import { useState } from 'react';
import { useForm } from '../api/act';
import { field, sentence } from '../api/fault';
import { graphql } from '../api/graphql';
import { CopyAs } from '../shell/copy-as';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Field, Input } from '../ui/field';
import { ProblemLine } from '../ui/problem-line';

const updateProject = graphql(`
  mutation UpdateProject($input: UpdateProjectInput!) {
    updateProject(input: $input) {
      project {
        id
        version
        slug
        name
        description
      }
    }
  }
`);

type Project = { id: string; version: number; slug: string; name: string; description: string | null };
type Props = { project: Project; onClose: () => void; onRenamed: (project: { slug: string; name: string }) => void };

// RenameDialog changes what a project is called, here and in addresses.
export function RenameDialog({ project, onClose, onRenamed }: Props) {
  const { run, busy, problem, clear } = useForm(updateProject);
  const [name, setName] = useState(project.name);
  const [slug, setSlug] = useState(project.slug);
  const [description, setDescription] = useState(project.description ?? '');
  const input = {
    projectId: project.id,
    expectedVersion: project.version,
    ...(name.trim() !== project.name && { name: name.trim() }),
    ...(slug.trim() !== project.slug && { slug: slug.trim() }),
    ...(description.trim() !== (project.description ?? '') && { description: description.trim() || null }),
  };
  const ready = name.trim() !== '' && slug.trim() !== '' && Object.keys(input).length > 2;
  const about = (at: string) => (problem && field(problem) === at ? sentence(problem) : undefined);
  const submit = async () => {
    if (!ready || busy) return;
    const data = await run({ input });
    if (data) onRenamed(data.updateProject.project);
  };
  return (
    <Dialog
      onClose={onClose}
      title={`Rename ${project.name}`}
      onSubmit={() => void submit()}
      actions={
        <>
          <div className="mr-auto self-center"><CopyAs document={updateProject} variables={{ input }} /></div>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" busy={busy} disabled={!ready}>Rename</Button>
        </>
      }
    >
      <Field label="Name" error={about('name')}>
        {(wiring) => <Input {...wiring} autoFocus maxLength={100} value={name} onChange={(event) => { setName(event.target.value); clear(); }} />}
      </Field>
      <Field label="Name in addresses" hint="Of the console, the API and davit. Links to it stop working; host names of services stay." error={about('slug')}>
        {(wiring) => <Input {...wiring} mono maxLength={40} value={slug} onChange={(event) => { setSlug(event.target.value); clear(); }} />}
      </Field>
      <Field optional label="Description" error={about('description')}>
        {(wiring) => <Input {...wiring} value={description} onChange={(event) => { setDescription(event.target.value); clear(); }} />}
      </Field>
      {!about('name') && !about('slug') && !about('description') && <ProblemLine error={problem} />}
    </Dialog>
  );
}
