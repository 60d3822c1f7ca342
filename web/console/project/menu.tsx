import { useNavigate } from '@tanstack/react-router';
import { Ellipsis, Layers2, Pencil, SlidersHorizontal, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useForm } from '../api/act';
import { refusal } from '../api/can';
import { graphql } from '../api/graphql';
import { useFollow } from '../api/operation';
import { EnvironmentDialog, type Environment } from '../environment/dialog';
import { deleteEnvironment } from '../environment/operations';
import { Button } from '../ui/button';
import { Confirm } from '../ui/confirm';
import { Menu, MenuItem, MenuLabel, MenuLine } from '../ui/menu';
import { toast } from '../ui/toast';
import { RenameDialog } from './rename-dialog';

const deleteProject = graphql(`
  mutation DeleteProject($input: DeleteProjectInput!) {
    deleteProject(input: $input) {
      operation {
        id
      }
    }
  }
`);

type Project = {
  id: string;
  slug: string;
  name: string;
  version: number;
  description: string | null;
  deleting: boolean;
  can: { action: string; allowed: boolean; reason: string | null }[];
};
type Props = { project: Project; environment: (Environment & { deleting: boolean }) | undefined; alone: boolean; onChanged: () => void };
type Asking = 'rename' | 'new' | 'change' | 'drop' | 'delete';

// ProjectMenu is what else one can do with a project, and with the environment
// one looks at.
export function ProjectMenu({ project, environment, alone, onChanged }: Props) {
  const [asking, setAsking] = useState<Asking>();
  const navigate = useNavigate();
  const follow = useFollow();
  const deleting = useForm(deleteProject);
  const dropping = useForm(deleteEnvironment);
  const close = () => { setAsking(undefined); };
  const gone = project.deleting ? 'It is being deleted already.' : null;
  const mayWrite = gone ?? refusal(project.can, 'WRITE');
  const mayDelete = gone ?? refusal(project.can, 'DELETE');

  const go = (slug: string, env?: string) => navigate({ to: '/projects/$project', params: { project: slug }, search: env ? { env } : {} });
  const done = (title: string) => {
    close();
    onChanged();
    toast({ tone: 'good', title });
  };
  const onDelete = async () => {
    if (!(await deleting.run({ input: { projectId: project.id, confirmSlug: project.slug } }))) return;
    toast({ title: `${project.name} is being deleted` });
    await navigate({ to: '/' });
  };
  const onDrop = async () => {
    if (!environment) return;
    const data = await dropping.run({ input: { environmentId: environment.id } });
    if (!data) return;
    close();
    follow(data.deleteEnvironment.operation.id, `${environment.name} is deleted`, `${environment.name} was not deleted`);
    onChanged();
    await go(project.slug);
  };
  return (
    <>
      <Menu
        label="Project"
        trigger={
          <Button size="icon" aria-label="More about this project" className="size-9">
            <Ellipsis aria-hidden />
          </Button>
        }
      >
        <MenuItem icon={<Pencil aria-hidden />} refused={mayWrite} onSelect={() => { setAsking('rename'); }}>Rename project…</MenuItem>
        <MenuItem icon={<Layers2 aria-hidden />} refused={mayWrite} onSelect={() => { setAsking('new'); }}>New environment…</MenuItem>
        {environment && (
          <>
            <MenuLine />
            <MenuLabel>{environment.name}</MenuLabel>
            <MenuItem icon={<SlidersHorizontal aria-hidden />} refused={mayWrite} onSelect={() => { setAsking('change'); }}>Change environment…</MenuItem>
            <MenuItem
              danger
              icon={<Trash2 aria-hidden />}
              refused={mayDelete ?? (environment.deleting ? 'It is being deleted already.' : alone ? 'It is the only one: delete the project instead.' : null)}
              onSelect={() => { setAsking('drop'); }}
            >
              Delete environment…
            </MenuItem>
          </>
        )}
        <MenuLine />
        <MenuItem danger icon={<Trash2 aria-hidden />} refused={mayDelete} onSelect={() => { setAsking('delete'); }}>Delete project…</MenuItem>
      </Menu>
      {asking === 'rename' && (
        <RenameDialog
          project={project}
          onClose={close}
          onRenamed={({ slug, name }) => {
            if (slug !== project.slug) void go(slug, environment?.slug);
            done(`The project is called ${name}`);
          }}
        />
      )}
      {asking === 'new' && (
        <EnvironmentDialog
          projectId={project.id}
          onClose={close}
          onDone={({ slug, name }) => {
            done(`${name} is made`);
            void go(project.slug, slug);
          }}
        />
      )}
      {asking === 'change' && <EnvironmentDialog projectId={project.id} environment={environment} onClose={close} onDone={({ name }) => { done(`${name} is changed`); }} />}
      {asking === 'drop' && environment && (
        <Confirm
          danger
          title={`Delete ${environment.name}?`}
          description="Every service stops in it, and what it has there is deleted: deployments, variables and logs. Other environments stay. This cannot be undone."
          action="Delete environment"
          name={environment.slug}
          busy={dropping.busy}
          problem={dropping.problem}
          onConfirm={() => void onDrop()}
          onClose={close}
        />
      )}
      {asking === 'delete' && (
        <Confirm
          danger
          title={`Delete ${project.name}?`}
          description="Every service in every environment stops, and is deleted with its deployments, variables and logs. This cannot be undone."
          action="Delete project"
          name={project.slug}
          busy={deleting.busy}
          problem={deleting.problem}
          onConfirm={() => void onDelete()}
          onClose={close}
        />
      )}
    </>
  );
}
