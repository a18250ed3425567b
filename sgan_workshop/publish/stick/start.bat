@echo off
rem Installs the workshop from this folder, without a network, into your home, and opens the lessons. Once it is there,
rem it starts at once. Another command: start.bat lessons --only 01. Another place: SGAN_HOME. Another Python: PYTHON.
setlocal
if not defined SGAN_HOME set "SGAN_HOME=%USERPROFILE%\sgan-workshop"
if not defined PYTHON set "PYTHON=py"
if exist "%SGAN_HOME%\.venv\learner" goto start
xcopy /e /i /q /y /h "%~dp0project" "%SGAN_HOME%"
if errorlevel 1 goto failed
cd /d "%SGAN_HOME%"
"%PYTHON%" -m sgan_workshop.commands.supported
if errorlevel 1 goto failed
"%PYTHON%" -m venv .venv
if errorlevel 1 goto failed
.venv\Scripts\pip install --quiet --disable-pip-version-check --no-index --find-links "%~dp0wheels" -c constraints.txt -e ".[lessons]"
if errorlevel 1 goto failed
type nul > .venv\learner
goto start
:failed
rem Keeps the window of a double click open, so that what went wrong can be read.
pause
exit /b 1
:start
cd /d "%SGAN_HOME%"
if "%~1"=="" (.venv\Scripts\sgan lab) else (.venv\Scripts\sgan %*)
