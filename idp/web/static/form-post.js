// Posts the answer to the service by itself; without script the button does the same.
document.getElementById("form-post").submit();
