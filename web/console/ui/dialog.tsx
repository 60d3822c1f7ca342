import { X } from 'lucide-react';
import { useEffect, useId, useRef, type ReactNode } from 'react';
import { Button } from './button';
import { cx } from './cx';

type ModalProps = { onClose: () => void; className?: string; children: ReactNode } & ({ label: string } | { titleId: string; descriptionId?: string | undefined });

// Modal is the browser's own modal dialog: it keeps the focus, makes the rest
// inert, closes with Escape, and writes no style sheet.
export function Modal({ onClose, className, children, ...names }: ModalProps) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      {...('label' in names ? { 'aria-label': names.label } : { 'aria-labelledby': names.titleId, 'aria-describedby': names.descriptionId })}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === ref.current) onClose(); // beside it
      }}
      className={cx(
        'animate-appear mx-auto w-[calc(100vw-2rem)] overflow-hidden rounded-xl border border-line-strong bg-raised p-0 text-text shadow-pop',
        'backdrop:bg-[rgb(8_9_12/0.5)]',
        className,
      )}
    >
      {children}
    </dialog>
  );
}

type Props = {
  open?: boolean;
  onClose: () => void;
  title: ReactNode;
  description?: ReactNode;
  wide?: boolean;
  children?: ReactNode;
  actions?: ReactNode;
  onSubmit?: () => void; // what its form does
};

// Dialog asks or tells something before one goes on.
export const Dialog = ({ open = true, ...rest }: Props) => (open ? <Shown {...rest} /> : null);

function Shown({ onClose, title, description, wide, children, actions, onSubmit }: Omit<Props, 'open'>) {
  const id = useId();
  const body = (
    <>
      <header className="flex items-start gap-4 px-5 pt-5">
        <div className="min-w-0 flex-1">
          <h2 id={`${id}-title`} className="text-base font-semibold text-balance">
            {title}
          </h2>
          {description && (
            <div id={`${id}-description`} className="mt-1 text-muted">
              {description}
            </div>
          )}
        </div>
        <Button tone="quiet" size="icon" aria-label="Close" onClick={onClose} className="-mt-1 -mr-1.5">
          <X aria-hidden />
        </Button>
      </header>
      <div className="flex flex-col gap-4 overflow-y-auto px-5 py-4">{children}</div>
      {actions && <footer className="flex flex-wrap justify-end gap-2 border-t border-line bg-sunken px-5 py-3">{actions}</footer>}
    </>
  );
  return (
    <Modal onClose={onClose} titleId={`${id}-title`} descriptionId={description ? `${id}-description` : undefined} className={cx('my-auto', wide ? 'max-w-2xl' : 'max-w-md')}>
      {onSubmit ? (
        <form
          noValidate
          className="flex max-h-[85vh] flex-col"
          onSubmit={(event) => {
            event.preventDefault();
            onSubmit();
          }}
        >
          {body}
        </form>
      ) : (
        <div className="flex max-h-[85vh] flex-col">{body}</div>
      )}
    </Modal>
  );
}
