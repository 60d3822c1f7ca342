import { createContext, useContext } from 'react';
import type { InstanceState } from '../api/instance';
import type { ServiceData } from './query';

export type ServiceView = { service: ServiceData; instance: InstanceState };

export const ServiceContext = createContext<ServiceView | undefined>(undefined);

// useService is the service whose page one is on, in the environment one looks at.
export function useService(): ServiceView {
  const view = useContext(ServiceContext);
  if (!view) throw new Error('This part of the page belongs to a service.');
  return view;
}
