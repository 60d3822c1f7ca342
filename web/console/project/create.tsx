import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useForm } from '../api/act';
import { field, sentence } from '../api/fault';
import { graphql } from '../api/graphql';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Field, Input } from '../ui/field';
import { ProblemLine } from '../ui/problem-line';

const createProject = graphql(`
  mutation CreateProject($input: CreateProjectInput!) {
    createProject(input: $input) {
      project {
        id
        slug
        name
      }
    }
  }
`);

// CreateProject asks for a name, and leads into the project.
export function CreateProject({ workspaceId, onClose }: { workspaceId: string; onClose: () => void }) {
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const { run, busy, problem, clear } = useForm(createProject);
  const named = problem && ['name', 'slug'].includes(field(problem));
  const submit = async () => {
    const data = await run({ input: { workspaceId, name: name.trim() } });
    if (data) await navigate({ to: '/projects/$project', params: { project: data.createProject.project.slug } });
  };
  return (
    <Dialog
      onClose={onClose}
      title="New project"
      description="A set of services that belong together. It begins with one environment, production."
      onSubmit={() => void submit()}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" busy={busy} disabled={!name.trim()}>
            Create project
          </Button>
        </>
      }
    >
      <Field label="Name" error={named ? sentence(problem) : undefined}>
        {(wiring) => (
          <Input
            {...wiring}
            autoFocus
            placeholder="Shop"
            maxLength={100}
            value={name}
            onChange={(event) => {
              setName(event.target.value);
              clear();
            }}
          />
        )}
      </Field>
      {!named && <ProblemLine error={problem} />}
    </Dialog>
  );
}
