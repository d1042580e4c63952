const DAY_MS = 86_400_000;

/** The time of day in UTC, with the date where it is not that of `now`. Both are Unix ms. */
export function timeOf(at: number, now: number): string {
  const day = Math.floor(at / DAY_MS);
  const seconds = Math.floor((at - day * DAY_MS) / 1000);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(twoDigits).join(':');
  return day === Math.floor(now / DAY_MS) ? `${clock} UTC` : `${dateOf(day)} ${clock} UTC`;
}

/** The date and the time of day in UTC of Unix ms. */
export const dateTimeOf = (at: number): string => timeOf(at, -DAY_MS);

const twoDigits = (n: number): string => String(n).padStart(2, '0');

/** The date of a day since 1970-01-01, by H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days. */
function dateOf(day: number): string {
  const shifted = day + 719_468; // days since 0000-03-01, from where years end with their leap day
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * ofYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${year}-${twoDigits(month)}-${twoDigits(ofYear - Math.floor((153 * marchMonth + 2) / 5) + 1)}`;
}
