export const zonesId = 'time-zones';

// TimeZones are what a field for a time zone proposes.
export const TimeZones = () => (
  <datalist id={zonesId}>
    {['UTC', ...Intl.supportedValuesOf('timeZone')].map((zone) => <option key={zone} value={zone} />)}
  </datalist>
);
