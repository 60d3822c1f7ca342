import type { ReactNode } from 'react';
import logo from '../davit.svg';
import { Title } from '../ui/title';

// Frame is around what one sees before one is signed in.
export const Frame = ({ title, heading, children }: { title: string; heading: string; children: ReactNode }) => (
  <main className="grid min-h-screen place-items-center px-4 py-10">
    <Title>{title}</Title>
    <div className="w-full max-w-md">
      <div className="rounded-2xl border border-line bg-surface p-7 shadow-pop sm:p-8">
        <img src={logo} alt="Davit" className="mb-5 size-10" />
        <h1 className="mb-2 text-xl font-semibold tracking-tight text-balance">{heading}</h1>
        {children}
      </div>
    </div>
  </main>
);
