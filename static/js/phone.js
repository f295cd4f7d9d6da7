// Groups the digits of a phone number while it is typed. The field stays a plain field: what it sends is read by the server as it stands.
const groups = digits => digits.startsWith("7")
  ? ["+7", digits.slice(1, 4), digits.slice(4, 7), [digits.slice(7, 9), digits.slice(9, 11)].filter(Boolean).join("-")].filter(Boolean).join(" ")
  : "+" + digits.replace(/(\d{1,3})(\d{1,3})?(\d{1,3})?(\d+)?/, (...found) => found.slice(1, 5).filter(Boolean).join(" "));

for (const field of document.querySelectorAll("[data-phone]")) {
  field.addEventListener("input", () => {
    // Only at the end and only for an international number: grouping in the middle would move the caret.
    const atEnd = field.selectionStart === field.value.length;
    const digits = field.value.replace(/\D/g, "").slice(0, 15);
    if (atEnd && field.value.trim().startsWith("+") && digits.length > 1) field.value = groups(digits);
  });
}
